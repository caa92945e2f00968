"""What staged rows rest on besides raw bytes and code: mappings, and the rows by which records were chosen."""

from streams import avro, scan
from streams.core.records import DeviceMapping, Generation
from streams.core.replay_record import Replay
from streams.replay.barrier import Barrier
from streams.replay.job import Figures, Mode
from streams.replay.selection import Selection
from streams.settings import KafkaSettings

MAPPING, GENERATIONS = "device-mapping", "generations"
PLACING = "replay"
"""the group that commits up to where in `device-mapping` points have been placed anew"""


def basis(settings: KafkaSettings, barrier: Barrier) -> dict[str, int]:
    """The basis of what is staged from now on, as ``Figures`` keeps it.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    generations = scan.table(settings, GENERATIONS, Generation).values()
    return {
        "placed_position": barrier.committed(PLACING, MAPPING, (0,))[0],
        "mapping_position": barrier.ends(MAPPING)[0],
        "newest_generation": max((g.number for g in generations), default=0),
    }


def unmapped(device: str) -> DeviceMapping:
    """What stands for the mapping of a device that has none, or no more."""
    return DeviceMapping(device=device, physical_uid=0)


def outdated(settings: KafkaSettings, replay: Replay, figures: Figures, selection: Selection, newest: int) -> bool:
    """Whether what was staged is not what would be staged now. Its own generation makes no difference.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    if replay.mode == Mode.PLACE or _mapped_since(settings, replay, figures.mapping_position):
        return True
    others = newest - (replay.generation is not None)
    by_rows = selection.by_points or replay.mode == Mode.DEAD_LETTERS
    return by_rows and figures.newest_generation not in (-1, others, newest)


def _mapped_since(settings: KafkaSettings, replay: Replay, position: int) -> bool:
    """Whether a mapping changed at this offset or later."""
    if position < 0:
        return False
    later = (m.value() for m in scan.scan(settings, MAPPING) if (m.offset() or 0) >= position)
    return any(not value or _is_mapped_anew(avro.decode(value, DeviceMapping), replay) for value in later)


def _is_mapped_anew(mapping: DeviceMapping, replay: Replay) -> bool:
    """Not when the device registered itself since the replay was asked for; what a restored registry took back is older."""
    return bool(mapping.intervals) or mapping.changed_at < replay.created_at
