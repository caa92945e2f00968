"""A runner and a registry that keeps the rules: who may touch a replay's tables, and what a failure may leave behind."""

import time
from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.replays import worker
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.registry import replay_reports, replays
from streams.registry.replay_reports import Report
from streams.registry.replays import Asked
from streams.registry.state import GENERATIONS, REPLAYS, Author, Change, Refused
from streams.registry.state import State as Registry
from streams.replay.barrier import Barrier
from streams.replay.course import Course, Failed, Stopped
from streams.replay.job import Mode, State
from streams.replay.runner import Runner
from streams.replay.runs import Runs
from tests.stack.replay_rows import put
from tests.stack.replayed import JOB, Replayed
from tests.stack.store import NOON
from tests.stack.test_replay_store_modes import T, applied, row, staged

HASHES = {"code": "c0", "codecs": "c1", "rules": "c2"}


class Registered:
    """An office over a registry in memory, as the API is one over topics."""

    def __init__(self, runner: str = "mine") -> None:
        self.state, self.runner = Registry(), runner
        opened = Generation(number=1, fences={}, opened_at=0, opened_by="", why="", **HASHES)
        self.state.apply(Change(GENERATIONS, "1", opened))

    def keep(self, state: State, number: int = JOB, **fields: Any) -> Replay:
        (change,) = replays.create(self.state, Asked(mode=Mode.DECODE), author())
        assert isinstance(change.record, Replay)
        made = replace(change.record, id=number, state=state.value, **HASHES | fields)
        self.state.apply(Change(REPLAYS, str(number), made))
        return made

    def wish(self, number: int, what: str) -> None:
        for change in replays.wish(self.state, number, what, author()):
            self.state.apply(change)

    def get(self, replay: int) -> Replay:
        return self.state.replays[replay]

    def all(self) -> list[Replay]:
        return list(self.state.replays.values())

    def report(self, replay: int, **fields: Any) -> Replay:
        told = Report(runner=self.runner, **fields | ({"state": State(fields["state"])} if "state" in fields else {}))
        try:
            after = replay_reports.report(self.state, self.state.replays[replay], told, author())
        except Refused as refusal:
            held = self.state.replays[replay].runner not in ("", self.runner)
            raise (Stopped if held else Failed)(refusal.detail) from refusal
        self.state.apply(Change(REPLAYS, str(replay), after))
        return after

    def open_generation(self, why: str, above: int = 0) -> Generation:
        raise NotImplementedError


def author() -> Author:
    return Author("ann", time.time_ns(), "")


def run(bench: Replayed, office: Registered) -> Replay:
    return Runner(bench.settings, bench.replay, office, correct=lambda *_: None).run(JOB, Event())


def test_an_undo_with_nothing_to_take_back_says_so_and_keeps_nobody_from_the_rows(bench: Replayed) -> None:
    office = Registered()
    office.keep(State.APPLIED, wish="undo")
    other = office.keep(State.READY, number=JOB + 1)

    assert run(bench, office).error.startswith("nothing of it can be taken back")
    office.wish(other.id, "apply")
    assert office.get(other.id).wish == "apply"


def test_the_tables_of_a_replay_that_another_runner_works_on_are_left_alone(bench: Replayed) -> None:
    office = Registered()
    office.keep(State.SCANNING, runner="other", seen_at=time.time_ns(), code="older")
    bench.replay.open(JOB)

    with pytest.raises(Stopped):
        run(bench, office)
    assert bench.rows(
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'replay_7_staged'"
    ) == [(1,)]


class Looking(Runner):
    """Without the rest of an installation."""

    def _hashes(self) -> dict[str, str]:
        return HASHES

    def _stage(self, course: Course, barrier: Barrier, ends: Mapping[int, int]) -> None:
        self._store.open(course.id)


def test_a_replay_with_the_number_of_one_that_the_registry_has_lost_begins_without_its_tables(bench: Replayed) -> None:
    """Restored from a snapshot it gives numbers anew: the new one found its rows attached, and was applied without writing any."""
    put(bench.store, {(T, NOON): row(1.0, 1)})
    applied(bench, staged({(T, NOON): row(2.0, 1)}, Runs([(0, 1, 1)])))
    assert bench.replay.attached(JOB)
    office = Registered()
    office.keep(State.QUEUED, ends={"0": 2})

    rested = Looking(bench.settings, bench.replay, office, correct=lambda *_: None).run(JOB, Event())

    assert (rested.state, bench.replay.attached(JOB), bench.replay.checkpoint(JOB)) == ("ready", False, {})


class Broken(ClickHouseReplayStore):
    """A step that can never succeed."""

    def attached(self, job: int) -> bool:
        raise RuntimeError(f"replay {job} cannot be carried on")


def test_what_cannot_be_carried_on_fails_and_ends_no_worker(bench: Replayed) -> None:
    office = Registered()
    office.keep(State.APPLYING)
    office.state.apply(Change(REPLAYS, str(JOB), replace(office.get(JOB), runner=office.runner)))

    failed = worker.run_replay(bench.settings, JOB, Event(), office=office, store=Broken(bench.settings))  # type: ignore[arg-type]  # speaks as an Office

    assert failed is not None
    assert (failed.state, failed.failed_in) == ("failed", "applying")
    assert failed.error == "RuntimeError: replay 7 cannot be carried on"


class Overtaken(Runner):
    """A codec comes while it stages."""

    came = False

    def _open_generation(self, course: Course, what: str) -> int:
        return 2

    def _pass(self, course: Course, barrier: Barrier) -> dict[int, int]:
        return {}

    def _check_decoding(self, course: Course) -> None:
        if self.came:
            raise Failed("live decoding is not what this replay ran with")

    def _stage(self, course: Course, barrier: Barrier, ends: Mapping[int, int]) -> None:
        self.came = True


def test_what_a_codec_that_came_meanwhile_has_staged_is_not_applied(bench: Replayed) -> None:
    office = Registered()
    office.keep(State.APPLYING)

    failed = Overtaken(bench.settings, bench.replay, office, correct=lambda *_: None).run(JOB, Event())

    assert (failed.state, failed.failed_in) == ("failed", "applying")
    assert failed.error == "live decoding is not what this replay ran with"
