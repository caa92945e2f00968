"""Corrections that lie on one another: taken back from the top they leave the originals, and from below nobody takes one."""

from collections.abc import Mapping, Sequence
from random import Random
from threading import Event
from typing import Any, NamedTuple

import pytest

from streams.core.identity import series_id
from streams.core.replay_record import Replay
from streams.replay.barrier import Barrier
from streams.replay.course import Course
from streams.replay.job import State
from streams.replay.runner import Runner
from streams.replay.runs import Runs
from streams.replay.store import SeriesName, Staged
from tests.stack.replay_rows import Rows, World, difference, final, put, stands, undo
from tests.stack.replayed import JOBS, Replayed
from tests.stack.store import NOON
from tests.stack.test_replay_runner import Registered
from tests.stack.test_replay_store_modes import DEVICE, named, row, staged, units

T, H = series_id(DEVICE, "t"), series_id(DEVICE, "h")
FIRST, SECOND, THIRD = JOBS
GENERATIONS: Mapping[int, int] = {FIRST: 5, SECOND: 6, THIRD: 7}


def apply(bench: Replayed, job: int, one: Staged) -> None:
    bench.replay.open(job)
    bench.replay.stage(job, one, {0: 100})
    written(bench, job)


def written(bench: Replayed, job: int) -> None:
    bench.replay.diff(job, mode="decode")
    bench.replay.build(job, GENERATIONS[job])
    bench.replay.attach(job)
    bench.replay.optimise(job)


def take_back(bench: Replayed, job: int, generation: int, undos: Sequence[int]) -> int:
    rows = bench.replay.build_undo(job, generation, undos)
    bench.replay.attach_undo(job)
    bench.replay.optimise(job, undo=True)
    return rows


def shown(bench: Replayed) -> dict[int, float | str | None]:
    return {ts - NOON: one.text or one.value for (_, ts), one in final(bench.store).items()}


def three(bench: Replayed) -> None:
    """A point that each of three changes, one that the first adds, one that it takes away and the second adds again."""
    put(bench.store, {(T, NOON): row(1.0, 1), (T, NOON + 2): row(9.0, 3)})
    everything = Runs([(0, 0, 9)])
    apply(bench, FIRST, staged({(T, NOON): row(2.0, 1), (T, NOON + 1): row("on", 2)}, everything))
    apply(
        bench,
        SECOND,
        staged({(T, NOON): row(3.0, 1), (T, NOON + 1): row("off", 2), (T, NOON + 2): row(8.0, 4)}, everything),
    )
    apply(bench, THIRD, staged({(T, NOON): row(4.0, 1), (T, NOON + 1): row("off", 2), (T, NOON + 2): row(8.0, 4)}, everything))  # fmt: skip


def test_three_are_taken_back_from_the_top_to_the_originals(bench: Replayed) -> None:
    three(bench)
    seen = [shown(bench)]
    rows = []
    for job, generation, undos in ((THIRD, 8, []), (SECOND, 9, [8]), (FIRST, 10, [8, 9])):
        rows.append(take_back(bench, job, generation, undos))
        seen.append(shown(bench))

    assert seen == [
        {0: 4.0, 1: "off", 2: 8.0},
        {0: 3.0, 1: "off", 2: 8.0},
        {0: 2.0, 1: "on"},
        {0: 1.0, 2: 9.0},
    ]
    assert rows == [1, 3, 3]
    assert [bench.replay.left_alone(job) for job in JOBS] == [0, 0, 0]


def test_what_stands_on_a_correction_is_known_whether_or_not_another_was_taken_back(bench: Replayed) -> None:
    three(bench)
    held = [[bench.replay.held(job, by) for by in JOBS] for job in JOBS]
    take_back(bench, THIRD, 8, [])

    assert held == [[0, 2, 1], [0, 2, 1], [0, 0, 1]]
    assert [[bench.replay.held(job, by, [8]) for by in JOBS] for job in JOBS] == [[0, 3, 0], [0, 3, 0], [0, 1, 0]]


def test_a_correction_whose_journal_is_gone_keeps_nobody_waiting(bench: Replayed) -> None:
    three(bench)
    bench.replay.drop(THIRD, journal=True)

    assert [bench.replay.held(SECOND, by) for by in JOBS] == [0, 2, 0]
    take_back(bench, SECOND, 8, [])
    assert (shown(bench), bench.replay.left_alone(SECOND)) == ({0: 4.0, 1: "on"}, 1)


def test_units_come_back_from_the_top_too(bench: Replayed) -> None:
    named(bench, T, "t", "C", 256)
    put(bench.store, {(T, NOON): row(1.0, 1), (T, NOON + 1): row(1.0, 2)})
    for job, unit, offset in ((FIRST, "K", 1), (SECOND, "F", 2)):
        again = staged({(T, NOON + offset - 1): row(2.0, offset)}, Runs([(0, 1, 2)]))
        again.names = {T: SeriesName(DEVICE, "t", unit, "json", NOON, 0, 2)}
        apply(bench, job, again)
    seen = [units(bench)["t"]]
    held = bench.replay.held(FIRST, SECOND)
    for job, generation, undos in ((SECOND, 8, []), (FIRST, 9, [8])):
        take_back(bench, job, generation, undos)
        seen.append(units(bench)["t"])

    assert (seen, held > 0) == (["F", "K", "C"], True)


class Correction(NamedTuple):
    """One that is applied: what stood before, and what it wrote."""

    job: int
    before: Rows
    delta: Rows


class Pile:
    """Corrections of a world by the store and by the model, and what may come between."""

    def __init__(self, bench: Replayed, seed: int, *, live: bool) -> None:
        self.bench, self.random, self.world, self.live = bench, Random(seed), World(seed), live
        self.table, self.undos = self.world.table(), list[int]()
        bench.as_before(self.table)
        self.standing = [self.apply(job) for job in JOBS]

    def put(self, rows: Rows) -> None:
        for key, one in rows.items():
            self.table.put(key, one)

    def apply(self, job: int) -> Correction:
        self.world.decode_anew()
        made = difference(self.table, self.world.staged, self.world.covered, GENERATIONS[job])
        before = self.table.final
        self.bench.stage(self.world, job=job)
        written(self.bench, job)
        self.put(made.delta)
        if self.live:
            came = self.world.live(GENERATIONS[job], list(made.delta))
            put(self.bench.store, came)
            self.put(came)
        return Correction(job, before, made.delta)

    def above(self, one: Correction) -> dict[int, int]:
        """How much stands on it of which later one."""
        return {o.job: self._held(one, o) for o in self.standing if o.job > one.job and self._held(one, o)}

    def _held(self, one: Correction, by: Correction) -> int:
        return sum(stands(self.table.rows[key], row, self.undos) for key, row in by.delta.items() if key in one.delta)

    def take_back(self, one: Correction, generation: int) -> None:
        back = undo(self.table, one.before, one.delta, generation, self.undos)
        assert take_back(self.bench, one.job, generation, self.undos) == len(back)
        self.put(back)
        self.undos.append(generation)
        self.standing.remove(one)


@pytest.mark.parametrize(("seed", "live"), [(0, False), (1, True), (2, False)])
def test_in_whatever_order_they_may_go_what_was_before_is_left(bench: Replayed, seed: int, live: bool) -> None:
    pile = Pile(bench, seed, live=live)
    original = pile.standing[0].before
    while pile.standing:
        above = {one.job: pile.above(one) for one in pile.standing}
        for job, found in above.items():
            later = [other.job for other in pile.standing if other.job > job]
            told = {other: bench.replay.held(job, other, pile.undos) for other in later}
            assert {other: count for other, count in told.items() if count} == found
        free = [one for one in pile.standing if not above[one.job]]
        pile.take_back(pile.random.choice(free), 20 + len(pile.undos))
        assert final(bench.store) == pile.table.final
    came = {key for key, one in pile.table.final.items() if one.record[1] >= 1000}
    assert bool(came) == live
    assert {key: one.content for key, one in pile.table.final.items() if key not in came} == {
        key: one.content for key, one in original.items() if key not in came
    }


class Undoing(Runner):
    """Without the rest of an installation."""

    def _open_generation(self, course: Course, what: str) -> int:
        number = 20 + sum(replay.undo_generation is not None for replay in self._office.all())
        course.note(undo_generation=number)
        return number

    def _pass(self, course: Course, barrier: Barrier) -> dict[int, int]:
        return {}

    def _finish(self, course: Course, barrier: Barrier, **_: Any) -> None:
        pass


def undone(bench: Replayed, office: Registered, job: int, begun: list[int] | None = None) -> Replay:
    office.wish(job, "undo")
    heard = [] if begun is None else begun
    runner = Undoing(
        bench.settings, bench.replay, office, correct=lambda *_: None, begins_undo=lambda one: heard.append(one.id)
    )
    return runner.run(job, Event())


def test_one_that_lies_below_says_which_to_undo_first_and_then_goes(bench: Replayed) -> None:
    three(bench)
    office, begun = Registered(), list[int]()
    for job in JOBS:
        office.keep(State.APPLIED, number=job, generation=GENERATIONS[job])

    refused = undone(bench, office, FIRST, begun)

    assert (refused.state, refused.failed_in) == ("failed", "applied")
    assert refused.error == (
        "a later correction stands on what it wrote: undo replay 9 (decode), then 8 (decode) first"
    )
    assert [undone(bench, office, job, begun).state for job in (THIRD, SECOND, FIRST)] == ["undone"] * 3
    assert begun == [THIRD, SECOND, FIRST]
    assert shown(bench) == {0: 1.0, 2: 9.0}


class Placing(Registered):
    """A placement is applied right before an undo begins."""

    def __init__(self, bench: Replayed) -> None:
        super().__init__()
        self._bench = bench

    def report(self, replay: int, **fields: Any) -> Replay:
        if fields.get("state") == State.UNDOING and SECOND not in self.state.replays:
            apply(self._bench, SECOND, staged({(T, NOON): row(2.0, 1, uid=7)}, Runs([(0, 1, 1)])))
            self.keep(State.APPLIED, number=SECOND, generation=GENERATIONS[SECOND], mode="place")
        return super().report(replay, **fields)


def test_a_placement_that_came_right_before_an_undo_began_is_undone_first_and_keeps_no_other_waiting(
    bench: Replayed,
) -> None:
    """Its rows were left alone, and its own undo brought those back that had been taken back."""
    put(bench.store, {(T, NOON): row(1.0, 1)})
    apply(bench, FIRST, staged({(T, NOON): row(2.0, 1)}, Runs([(0, 1, 1)])))
    office = Placing(bench)
    office.keep(State.APPLIED, number=FIRST, generation=GENERATIONS[FIRST])

    refused = undone(bench, office, FIRST)

    assert (refused.state, refused.failed_in) == ("failed", "applied")
    assert refused.error == "a later correction stands on what it wrote: undo replay 8 (place) first"
    assert [undone(bench, office, job).state for job in (SECOND, FIRST)] == ["undone"] * 2
    assert shown(bench) == {0: 1.0}


def test_a_placement_of_rows_that_a_correction_wrote_is_undone_first_and_one_of_other_rows_is_not(
    bench: Replayed,
) -> None:
    put(bench.store, {(T, NOON): row(1.0, 1), (H, NOON): row(1.0, 2)})
    apply(bench, FIRST, staged({(T, NOON): row(2.0, 1)}, Runs([(0, 1, 1)])))
    apply(bench, SECOND, staged({(T, NOON): row(2.0, 1, uid=7)}, Runs([(0, 1, 1)])))
    apply(bench, THIRD, staged({(H, NOON): row(1.0, 2, uid=7)}, Runs([(0, 2, 2)])))
    office = Registered()
    office.keep(State.APPLIED, number=FIRST, generation=GENERATIONS[FIRST])
    for job in (SECOND, THIRD):
        office.keep(State.APPLIED, number=job, generation=GENERATIONS[job], mode="place")

    assert undone(bench, office, FIRST).error == (
        "a later correction stands on what it wrote: undo replay 8 (place) first"
    )
    assert [undone(bench, office, job).state for job in (SECOND, FIRST)] == ["undone"] * 2
    assert {key: (one.value, one.uid) for key, one in final(bench.store).items()} == {
        (T, NOON): (1.0, 0),
        (H, NOON): (1.0, 7),
    }


def test_what_live_data_replaced_is_left_alone_and_counted(bench: Replayed) -> None:
    three(bench)
    put(bench.store, {(T, NOON): row(5.0, 50, generation=7)})
    office = Registered()
    office.keep(State.APPLIED, number=SECOND, generation=GENERATIONS[SECOND])

    record = undone(bench, office, SECOND)

    assert (record.state, shown(bench)) == ("undone", {0: 5.0, 1: "on"})
    assert '"left_alone":1' in record.figures
