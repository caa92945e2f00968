"""The replay that a codec calls for: which command, and what is known of the records that it is about."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from msgspec import Struct
from msgspec.structs import replace

from connectors.sinks.base import Transient
from streams.core.codec_record import Codec
from streams.core.records import PhysicalDevice
from streams.registry.hashes import codecs_hash
from streams.registry.state import State
from streams.settings import ClickHouseSettings

NAMED_BY = {
    "application": ("app_id", "application_id", "application_name"),
    "profile": ("device_profile_id", "device_profile_name"),
}
"""Source ids of the sources that have codecs, by the kind of target that is matched against them."""
DEVICE_LIMIT = 2_000
"""names in one question to the store"""
ANSWER_S = 5


class Suggestion(Struct, frozen=True, kw_only=True):
    """``command``: the dry run to start; ``why``: in a sentence.

    ``devices``: those of its targets that were heard; None: the registry cannot tell. ``waiting``: dead letters of theirs
    that a codec may read, the oldest received at ``since`` (ns); None: the store does not say.
    """

    command: str
    why: str
    devices: int | None = None
    waiting: int | None = None
    since: int | None = None


def suggested(state: State, before: Codec | None, after: Codec) -> Suggestion | None:
    """What the registry can tell; None: nothing was received that the codec would read otherwise than it was."""
    if before is not None and codecs_hash([before]) == codecs_hash([after]):
        return None
    heard, known = heard_of(state, after), _is_known(after)
    if before is None and known and not heard:
        return None
    why = "what it has read before it would read anew" if before else "its devices have sent before it was registered"
    if not (heard or before):
        why = "its devices may have sent before it was registered"
    sources = sorted({device.source for device in heard}) if known and heard else []
    return Suggestion(command=command(after, sources), why=why, devices=len(heard) if known else None)


def command(codec: Codec, sources: Iterable[str]) -> str:
    """The dry run of all that the codec reads, as a person types it."""
    why = f"codec {codec.name}@{codec.hash[:12]}"
    chosen = [part for source in sources for part in ("--source", source)]
    return shlex.join(["isthmus", "replay", "run", *chosen, "--codec", codec.name, "--why", why])


def counted(suggestion: Suggestion, devices: Sequence[str], settings: ClickHouseSettings) -> Suggestion:
    """With what the store knows of these devices, when it answers; blocks."""
    from connectors.sinks.clickhouse.store import Store  # noqa: PLC0415 - the registry needs no store

    if not 0 < len(devices) <= DEVICE_LIMIT:
        return suggestion
    question = (
        "SELECT count(), min(at) FROM dead_letters FINAL "
        "WHERE stage = 'codec' AND raw_partition >= 0 AND device IN {devices:Array(String)}"
    )
    try:
        with closing(Store(settings, "codecs", timeout_s=ANSWER_S)) as store:
            ((waiting, since),) = store.rows(question, {"devices": list(devices)})
    except Transient:
        return suggestion
    return replace(suggestion, waiting=int(waiting), since=int(since) if waiting else None)


def heard_of(state: State, codec: Codec) -> list[PhysicalDevice]:
    """The registered devices that the codec's targets name."""
    targets = set(codec.applies_to)
    return [device for device in state.physical.values() if not targets.isdisjoint(_names(device))]


def _names(device: PhysicalDevice) -> Iterator[str]:
    """Every target that the registry knows the device by."""
    yield f"device:{device.device}"
    for kind, ids in NAMED_BY.items():
        yield from (f"{kind}:{device.source_ids[name]}" for name in ids if name in device.source_ids)


def _is_known(codec: Codec) -> bool:
    """Whether the registry knows for every target whose it is; it does not know models."""
    return not any(target.startswith("model:") for target in codec.applies_to)
