"""What a codec's limits decide is a matter of circumstances: a loaded machine, the calls before. The log says what they were.

The core that verifies is patient and alone, so it may decode what was cut when it came; a replay would, too. Until one has,
the dead letter that was written is what must be in the store.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from streams.core.outcome import Outcome
from streams.core.records import DeadLetter

LIMITS = frozenset({"codec-timeout", "codec-memory", "codec-crashed", "codec-suspended"})

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
