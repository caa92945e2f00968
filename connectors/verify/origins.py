"""Where a stored row comes from, and so whether this code can say what it must hold. Pure.

A row of the generation in force at its raw record was written by live decoding. A row of a higher one was written by a
replay, or by new code that met an old record. Rows of code that is not here, and rows that an undo put back, cannot be
checked: nobody here knows what was right.
"""

from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct

from streams.agents.generations import Hashes, in_force
from streams.core.identity import version_parts
from streams.core.outcome import Outcome
from streams.core.records import Generation, Lineage, RawRecord
from streams.core.replay_record import Replay
from streams.replay.job import Mode, State
from streams.replay.selection import Selection

OTHER_CODE = "of code that is not here"
PUT_BACK = "put back by an undo"
AS_OF_NOW = "placed by the mapping as it was when a replay was asked"
GONE = "of raw records that Kafka no longer has"
DECODING = (Mode.DECODE, Mode.DEAD_LETTERS)


class Applied(Struct, frozen=True):
    """A replay that has opened a generation, and what it is about."""

    replay: Replay
    selection: Selection

    @property
    def stands(self) -> bool:
        """Whether its rows stand: an undo takes them back."""
        return self.replay.state == State.APPLIED

    @property
    def decoded(self) -> bool:
        """Whether its rows were decoded by it, and not only placed or restored."""
        return self.replay.mode in DECODING

    def reaches(self, lineage: Lineage) -> bool:
        """Whether the record lies in what was replayed, as far as offsets say."""
        partition = str(lineage.partition)
        first, end = self.selection.offsets.get(
            partition, (0, 0) if self.selection.offsets else (0, lineage.offset + 1)
        )
        return first <= lineage.offset < min(end, self.replay.ends.get(partition, 0))

    def takes(self, raw: RawRecord, lineage: Lineage, outcome: Outcome) -> bool:
        """Whether it certainly replayed the record."""
        wanted = self.selection
        if not self.reaches(lineage) or not wanted.takes_record(raw, lineage.partition, lineage.offset):
            return False
        return not wanted.by_points or any(map(wanted.takes_reading, outcome.readings))


class Origins:
    """What the generations and replays say of rows. ``begins``: raw partition -> first offset that Kafka still has."""

    def __init__(
        self, generations: Collection[Generation], hashes: Hashes, replays: Iterable[Replay], begins: dict[int, int]
    ) -> None:
        self._generations, self._hashes, self.begins = generations, hashes, begins
        self._ours = {g.number for g in generations if hashes.cover(g)}
        self._others = {g.number for g in generations} - self._ours
        self.applied = [_applied(r) for r in replays if r.generation is not None or r.undo_generation is not None]
        self._by_generation = {a.replay.generation: a for a in self.applied if a.replay.generation is not None}
        self._undoing = {a.replay.undo_generation for a in self.applied if a.replay.undo_generation is not None}
        self.of_replays = self._by_generation.keys() | self._undoing

    def live(self, lineage: Lineage) -> int | None:
        """The number of the generation in force at the record."""
        generation = in_force(self._generations, lineage.partition, lineage.offset)
        return None if generation is None else generation.number

    def decodes_alike(self, number: int) -> bool:
        """Whether rows of this generation are a replay's, or were decoded by this code."""
        return number in self.of_replays or number in self._ours

    def own(self, lineage: Lineage) -> bool:
        """Whether live decoding of the record was this code's."""
        return self.live(lineage) in self._ours

    def redone(self, raw: RawRecord, lineage: Lineage, outcome: Outcome) -> bool:
        """Whether a replay that stands has certainly decoded the record by this code."""
        return any(a.stands and self._by_this_code(a) and a.takes(raw, lineage, outcome) for a in self.applied)

    def doubt(self, version: int) -> str:
        """Why a row of this version cannot be checked; empty when it can."""
        number, lineage = version_parts(version)
        if lineage.offset < self.begins.get(lineage.partition, 0):
            return GONE
        if self.live(lineage) == number:
            return OTHER_CODE if number in self._others else ""
        return self._doubt_of_replayed(number, lineage)

    def replayed(self, lineage: Lineage) -> bool:
        """Whether a replay may have given the record another fate than it had."""
        return any(applied.reaches(lineage) for applied in self.applied)

    def _doubt_of_replayed(self, number: int, lineage: Lineage) -> str:
        if number in self._undoing:
            return PUT_BACK
        replay = self._by_generation.get(number)
        if replay is None or replay.decoded:
            doubt = OTHER_CODE if number in self._others else ""
        else:
            doubt = "" if self.own(lineage) else OTHER_CODE
        return doubt or (AS_OF_NOW if replay is not None and replay.replay.mapping_as_of == "now" else "")

    def _by_this_code(self, applied: Applied) -> bool:
        return applied.replay.mode == Mode.DECODE and applied.replay.generation in self._ours


def _applied(replay: Replay) -> Applied:
    return Applied(replay, msgspec.json.decode(replay.selection, type=Selection))
