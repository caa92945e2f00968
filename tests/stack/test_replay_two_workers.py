"""Two workers at one replay: the first was frozen, the second has it; whatever the first had begun makes nothing wrong visible."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from streams.core.replay_record import Replay
from streams.core.times import HOUR
from streams.registry.replays import HELD_S
from streams.registry.state import REPLAYS, Change
from streams.replay import course
from streams.replay.barrier import Barrier
from streams.replay.course import Course, Stopped
from streams.replay.job import State
from streams.replay.runner import Runner
from streams.replay.runs import Runs
from streams.replay.store import SeriesName, Staged
from tests.stack.replay_rows import final, put
from tests.stack.replayed import GENERATION, JOB, UNDO, Replayed
from tests.stack.store import NOON
from tests.stack.test_replay_runner import Registered
from tests.stack.test_replay_store_modes import DEVICE, T, named, row, staged, undone, units

MONTH = 31 * 24 * HOUR
KEYS = [(T, NOON + month * MONTH + i) for month in range(2) for i in range(3)]
BEFORE = {key: row(float(i), i) for i, key in enumerate(KEYS)}
AFTER = {key: row(i + 0.5, i) for i, key in enumerate(KEYS)}


def better() -> Staged:
    made = staged(AFTER, Runs([(0, 0, 9)]))
    made.names = {T: SeriesName(DEVICE, "t", "K", "json", NOON, 0, 9)}
    return made


def built(bench: Replayed, store: ClickHouseReplayStore) -> None:
    store.open(JOB)
    store.stage(JOB, better(), {0: 10})
    store.diff(JOB, mode="decode")
    store.build(JOB, GENERATION)


def values(bench: Replayed) -> list[float | None]:
    return [one.value for _, one in sorted(final(bench.store).items())]


def before_each(store: ClickHouseReplayStore, happens: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each statement of the store that changes something."""
    command = store._store.command

    def overtaken(statement: str) -> None:
        happens(statement)
        command(statement)

    monkeypatch.setattr(store._store, "command", overtaken)


@pytest.fixture
def other(bench: Replayed) -> ClickHouseReplayStore:
    return ClickHouseReplayStore(bench.settings)


def test_a_correction_that_is_built_anew_is_never_attached_before_it_is_whole(
    bench: Replayed, other: ClickHouseReplayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench.store, BEFORE)
    built(bench, other)
    seen = set[tuple[float | None, ...]]()

    def late(_: str) -> None:
        with suppress(Transient):
            bench.replay.attach(JOB)
        seen.add(tuple(values(bench)))

    assert not other.attached(JOB)
    before_each(other, late, monkeypatch)
    built(bench, other)
    other.attach(JOB)

    assert seen <= {tuple(float(i) for i in range(6)), tuple(i + 0.5 for i in range(6))}
    assert values(bench) == [i + 0.5 for i in range(6)]


def test_an_undo_that_is_built_anew_is_never_attached_before_it_is_whole(
    bench: Replayed, other: ClickHouseReplayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench.store, BEFORE)
    built(bench, other)
    other.attach(JOB)
    bench.replay.build_undo(JOB, UNDO)
    seen = set[tuple[float | None, ...]]()

    def late(_: str) -> None:
        with suppress(Transient):
            bench.replay.attach_undo(JOB)
        seen.add(tuple(values(bench)))

    assert not other.undo_attached(JOB)
    before_each(other, late, monkeypatch)
    other.build_undo(JOB, UNDO)
    other.attach_undo(JOB)

    assert seen <= {tuple(float(i) for i in range(6)), tuple(i + 0.5 for i in range(6))}
    assert (values(bench), other.left_alone(JOB)) == ([float(i) for i in range(6)], 0)


def test_what_is_known_not_to_be_attached_is_not_attached_by_a_statement_that_comes_late(
    bench: Replayed, other: ClickHouseReplayStore
) -> None:
    """The one that goes on would find nothing that differs, keep no journal, and compute no aggregates."""
    put(bench.store, BEFORE)
    built(bench, bench.replay)

    assert not other.attached(JOB)
    with pytest.raises(Transient):
        bench.replay.attach(JOB)
    assert values(bench) == [float(i) for i in range(6)]


@pytest.mark.parametrize("away", ["delta", "undo"])
def test_what_was_attached_right_before_it_was_taken_away_is_known_and_comes_back(bench: Replayed, away: str) -> None:
    put(bench.store, BEFORE)
    built(bench, bench.replay)
    bench.replay.attach(JOB)
    if away == "undo":
        undone(bench)
    bench.store.command(f"RENAME TABLE replay_{JOB}_{away} TO replay_{JOB}_{away}_away")

    assert bench.replay.attached(JOB) if away == "delta" else bench.replay.undo_attached(JOB)
    undone(bench)
    assert (values(bench), bench.replay.left_alone(JOB)) == ([float(i) for i in range(6)], 0)


class Correcting(Runner):
    """Without the rest of an installation; as far as the rows are visible."""

    def _build(self, course: Course, barrier: Barrier) -> None:
        self._store.open(course.id)
        self._store.stage(course.id, better(), {0: 10})
        self._store.diff(course.id, mode="decode")
        self._store.build(course.id, GENERATION)
        course.note(generation=GENERATION)

    def _finish(self, course: Course, barrier: Barrier, **_: Any) -> None:
        raise Stopped


def run(bench: Replayed, store: ClickHouseReplayStore, office: Registered) -> Replay:
    return Correcting(bench.settings, store, office, correct=lambda *_: None).run(JOB, Event())


def test_a_worker_that_was_frozen_amid_building_leaves_the_journal_of_the_one_that_has_gone_on(
    bench: Replayed, other: ClickHouseReplayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exchanged the names back, so that the undo gave no unit back."""
    put(bench.store, BEFORE)
    named(bench, T, "t", "C", 256)
    monkeypatch.setattr(course, "SURE_S", 0.0, raising=False)
    frozen, awake = Registered("frozen"), Registered("awake")
    frozen.keep(State.APPLYING)
    awake.state = frozen.state

    def goes_on(statement: str) -> None:
        if "EXCHANGE" in statement and frozen.get(JOB).runner == "frozen":
            silent = replace(frozen.get(JOB), seen_at=time.time_ns() - (HELD_S + 1) * 1_000_000_000)
            frozen.state.apply(Change(REPLAYS, str(JOB), silent))
            with pytest.raises(Stopped):
                run(bench, other, awake)

    before_each(bench.replay, goes_on, monkeypatch)
    with pytest.raises(Stopped):
        run(bench, bench.replay, frozen)
    monkeypatch.undo()

    assert (values(bench), units(bench)) == ([i + 0.5 for i in range(6)], {"t": "K"})
    undone(bench)
    assert (values(bench), units(bench)) == ([float(i) for i in range(6)], {"t": "C"})
