"""What a codec's limits decide is a matter of circumstances: a loaded machine, the calls before. The log says what they were.

The core that verifies is patient and alone, so it may decode what was cut when it came; a replay would, too. Until one has,
the dead letter that was written is what must be in the store. Where a codec was asked beside the network server, no letter
tells of it: then the bit codec-differs may be there or not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from connectors.verify.expected import Point, PointKey
from streams.core import choice
from streams.core.identity import version_parts
from streams.core.message import CODEC_DIFFERS
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter
from streams.replay.runs import Runs

LIMITS = frozenset({"codec-timeout", "codec-memory", "codec-crashed", "codec-suspended"})

BESIDE = frozenset({("codec", choice.DIFFERS), ("codec", choice.FAILED)})
MARKED = "whose bit codec-differs may come of a codec's limit"

Cut = Mapping[tuple[int, int], Sequence[DeadLetter]]
"""(raw partition, offset) -> the letters that say that a codec was cut there"""


def cut(letters: Iterable[DeadLetter]) -> Cut:
    """Those of the letters that are of circumstances."""
    found: dict[tuple[int, int], list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        if letter.stage == "codec" and letter.reason in LIMITS:
            found[letter.raw_partition, letter.raw_offset].append(letter)
    return dict(found)


def as_it_was(outcome: Outcome, letters: Sequence[DeadLetter]) -> Outcome:
    """The outcome with ``letters`` in place of what is made of the same parts of the record here."""
    parts = {letter.index for letter in letters}
    kept = [letter for letter in outcome.dead_letters if letter.index not in parts]
    return replace(
        outcome,
        readings=[reading for reading in outcome.readings if reading.index not in parts],
        dead_letters=[*kept, *letters],
    )


def by_limit(outcome: Outcome) -> bool:
    """Whether a codec's limit may have decided on the bit codec-differs, here or when the record came."""
    return not BESIDE.isdisjoint(outcome.ignored)


def as_marked(
    expected: Mapping[PointKey, Point], found: Mapping[PointKey, Point], beside: Runs
) -> dict[PointKey, Point]:
    """Those of the expected points that differ from the found ones in nothing of their quality but a bit that a limit decides.

    They have it as it was found. ``beside``: the raw records of which ``by_limit`` says so.
    """
    pairs = ((key, point, found.get(key)) for key, point in expected.items()) if beside else ()
    return {
        key: replace(point, quality=other.quality)
        for key, point, other in pairs
        if other is not None and point.quality ^ other.quality == CODEC_DIFFERS and _lineage(point) in beside
    }


def _lineage(point: Point) -> tuple[int, int]:
    lineage = version_parts(point.version)[1]
    return lineage.partition, lineage.offset
