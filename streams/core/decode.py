"""Raw record -> readings, dead letters, device events: open, run codecs, normalise, place.

Pure: the same raw record in the same context always gives the same outcome, in the live agent, a replay and a test.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from streams.core.codec import Codecs
from streams.core.message import Decoder
from streams.core.outcome import Outcome
from streams.core.records import DeviceMapping, Lineage, RawRecord
from streams.core.rules import Rules

HOUR = 3_600_000_000_000

Item = tuple[RawRecord, Lineage, int]
"""A raw record, where it stands in ``raw``, and the generation that it is decoded in."""


class Options(Struct, frozen=True, kw_only=True):
    """What decoders can be told; paths are dotted, the first that is found counts."""

    ydoc_utc_offset: int = 10 * HOUR
    json_device: tuple[str, ...] = ("device", "device_id", "id")
    json_time: tuple[str, ...] = ("time", "timestamp", "ts")
    json_values: str = "values"


class Context(Struct, frozen=True, kw_only=True):
    """All that decoding depends on besides the record itself.

    ``mapping`` finds a device's mapping by its key, read up to ``mapping_position``; ``future_limit`` is in ns after receipt.
    """

    decoders: Mapping[str, Decoder]
    codecs: Codecs = field(default_factory=Codecs)
    rules: Rules = field(default_factory=Rules)
    mapping: Callable[[str], DeviceMapping | None] = {}.get
    mapping_position: int = -1
    future_limit: int = HOUR


def decode(raw: RawRecord, lineage: Lineage, generation: int, context: Context) -> Outcome:
    """What becomes of one raw record; never raises."""
    return decode_batch([(raw, lineage, generation)], context)[0]


def decode_batch(items: Sequence[Item], context: Context) -> list[Outcome]:
    """What becomes of each raw record, in order; never raises. Codec calls of the batch run together."""
    raise NotImplementedError
