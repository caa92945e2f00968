"""What became of one raw record."""

from msgspec import Struct, field

from streams.core.memory import Kept
from streams.core.message import Rejected
from streams.core.records import DeadLetter, DeviceEvent, Lineage, RawRecord, Reading


class Outcome(Struct, frozen=True, gc=False):
    """Every raw record ends in at least one of ``readings``, ``dead_letters`` and ``ignored`` (stage, reason).

    ``memory``: what has to be remembered of the record; None: later records do not need it.
    """

    readings: list[Reading] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    memory: Kept | None = None


def dead_letter(rejected: Rejected, raw: RawRecord, lineage: Lineage, decoder: str) -> DeadLetter:
    """The dead letter of a rejected part."""
    return DeadLetter(
        stage=rejected.stage,
        reason=rejected.reason,
        detail=rejected.detail,
        raw_partition=lineage.partition,
        raw_offset=lineage.offset,
        index=lineage.index,
        source=raw.source,
        device=rejected.device,
        decoder=decoder,
        at=raw.received_at,
        correlation_id=raw.id,
    )
