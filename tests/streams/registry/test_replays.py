"""What may be asked of replays, and what their runners may report: the laws of the state machine."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.registry import replay_reports, replays
from streams.registry.replay_reports import Report
from streams.registry.replays import HELD_S, Asked
from streams.registry.state import GENERATIONS, REPLAYS, Author, Change, Refused
from streams.registry.state import State as Registry
from streams.replay.job import Counts, Figures, Mode, Progress, State
from streams.replay.selection import Selection

HASHES = {"code": "c0", "codecs": "c1", "rules": "c2"}
DRY_RUN = (State.SCANNING, State.DIFFING, State.READY)


class World:
    """A registry, its clock, and runners that report."""

    def __init__(self) -> None:
        self.state, self.now = Registry(), 1_000 * SECOND
        self.deploy("c0")

    def deploy(self, code: str) -> None:
        number = len(self.state.generations) + 1
        opened = Generation(number=number, fences={}, opened_at=0, opened_by="", why="", **(HASHES | {"code": code}))
        self.state.apply(Change(GENERATIONS, str(number), opened))

    def author(self, why: str = "") -> Author:
        self.now += SECOND
        return Author("ann", self.now, why)

    def create(self, mode: Mode = Mode.DECODE, **asked: Any) -> int:
        (change,) = replays.create(self.state, Asked(mode=mode, **asked), self.author("scale"))
        self.state.apply(change)
        return int(change.key)

    def wish(self, number: int, what: str, why: str = "") -> Replay:
        for change in replays.wish(self.state, number, what, self.author(why)):
            self.state.apply(change)
        return self.state.replays[number]

    def report(self, number: int, state: State | None = None, runner: str = "worker", **said: Any) -> Replay:
        report = Report(runner=runner, state=state, **said)
        after = replay_reports.report(self.state, self.state.replays[number], report, self.author())
        self.state.apply(Change(REPLAYS, str(number), after))
        return after

    def ready(self, **asked: Any) -> int:
        number = self.create(**asked)
        for state in DRY_RUN:
            self.report(number, state, **HASHES)
        return number

    def applied(self, **asked: Any) -> int:
        number = self.ready(**asked)
        self.wish(number, "apply")
        self.report(number, State.APPLYING, took_wish=True)
        self.report(number, State.APPLIED, figures=Figures(visible_ms=3.0))
        return number


@pytest.fixture
def world() -> World:
    return World()


def refused(status: int) -> Any:
    return pytest.raises(Refused, check=lambda refusal: refusal.status == status)


def test_a_dry_run_rests_until_somebody_wishes(world: World) -> None:
    number = world.ready()
    held = world.state.replays[number]

    assert (held.state, held.wish, held.created_by, held.why, held.runner) == ("ready", "", "ann", "scale", "worker")
    with refused(409):
        world.report(number, State.APPLYING)


def test_applied_and_taken_back_it_remembers_who_and_why(world: World) -> None:
    number = world.applied()
    assert world.wish(number, "undo", "it was right before").wish == "undo"
    world.report(number, State.UNDOING, took_wish=True, undo_generation=9)
    undone = world.report(number, State.UNDONE)

    assert (undone.state, undone.wish, undone.undo_generation) == ("undone", "", 9)
    assert undone.why == "scale; undo: it was right before"
    for what in ("apply", "undo", "cancel", "retry"):
        with refused(409):
            world.wish(number, what)


def test_a_runner_that_was_frozen_until_another_was_done_is_told_so(world: World) -> None:
    number = world.ready()
    for said in ({"error": "waits"}, {"figures": Figures()}, {"state": State.FAILED}):
        with refused(409):
            world.report(number, runner="frozen", **said)

    world.wish(number, "apply")
    assert world.report(number, State.APPLYING, runner="frozen", took_wish=True).runner == "frozen"


def test_an_undo_that_fails_before_it_has_a_generation_keeps_nobody_from_its_rows(world: World) -> None:
    number, other = world.applied(), world.ready()
    world.wish(number, "undo")
    world.report(number, State.UNDOING, took_wish=True)
    early = world.report(number, State.FAILED, error="a later correction stands on what it wrote")
    assert (early.failed_in, world.wish(other, "apply").wish) == ("applied", "apply")

    world.wish(other, "cancel")
    world.report(other, State.CANCELLED)
    world.wish(number, "undo")
    world.report(number, State.UNDOING, took_wish=True, undo_generation=9)
    assert world.report(number, State.FAILED).failed_in == "undoing"


def test_a_fault_that_a_runner_waits_out_is_told_until_it_goes_on(world: World) -> None:
    number = world.create()
    world.report(number, State.SCANNING)

    assert world.report(number, error="the store is away").error == "the store is away"
    assert world.report(number, State.DIFFING).error == ""


def test_asked_to_apply_from_the_start_it_goes_on_when_the_dry_run_is_done(world: World) -> None:
    number = world.ready(apply=True)

    assert world.state.replays[number].wish == "apply"
    assert world.report(number, State.APPLYING, took_wish=True).wish == ""


def test_decoders_that_are_not_deployed_are_only_tried(world: World) -> None:
    with refused(409):
        world.create(candidates=("ttn@1",), apply=True)
    number = world.ready(candidates=("ttn@1",))
    with refused(409):
        world.wish(number, "apply")


def test_it_is_not_applied_while_live_code_is_other_than_what_it_ran_with(world: World) -> None:
    number, wished = world.ready(), world.ready()
    world.wish(wished, "apply")
    world.deploy("new")

    with refused(409):
        world.wish(number, "apply")
    with refused(409):
        world.report(wished, State.APPLYING, took_wish=True)
    world.deploy("c0")
    assert world.wish(number, "apply").wish == "apply"


def test_placing_asks_for_no_code(world: World) -> None:
    number = world.ready(mode=Mode.PLACE, selection=Selection(devices=("a:1",)))
    world.deploy("new")

    assert world.wish(number, "apply").wish == "apply"


def test_what_nobody_began_is_cancelled_at_once_and_else_by_its_runner(world: World) -> None:
    idle, busy = world.create(), world.create()
    world.report(busy, State.SCANNING)

    assert world.wish(idle, "cancel").state == "cancelled"
    assert (world.wish(busy, "cancel").state, world.state.replays[busy].wish) == ("scanning", "cancel")
    with refused(409):
        world.wish(busy, "apply")
    assert world.report(busy, State.CANCELLED, took_wish=True).wish == ""


def test_a_replay_that_a_command_runs_is_cancelled_at_once_for_the_command_may_be_gone(world: World) -> None:
    number = world.create(candidates=("ttn@1",), runner="command")
    world.report(number, State.SCANNING, runner="command")

    assert world.wish(number, "cancel").state == "cancelled"
    with refused(409):
        world.report(number, State.DIFFING, runner="command")


def test_visible_rows_are_undone_not_cancelled(world: World) -> None:
    number = world.ready()
    world.wish(number, "apply")
    world.report(number, State.APPLYING, took_wish=True, generation=2)
    assert world.wish(number, "cancel").wish == "cancel"
    assert world.report(number, figures=Figures(visible_ms=3.0)).wish == ""

    with refused(409):
        world.wish(number, "cancel")
    with refused(409):
        world.report(number, State.CANCELLED, took_wish=True)
    assert world.report(number, State.APPLIED).wish == ""


@pytest.mark.parametrize("failed_in", [State.QUEUED, *DRY_RUN])
def test_a_failed_dry_run_goes_on_where_it_failed_when_somebody_wishes(world: World, failed_in: State) -> None:
    number = world.create()
    for state in DRY_RUN[: [State.QUEUED, *DRY_RUN].index(failed_in)]:
        world.report(number, state, **HASHES)
    failed = world.report(number, State.FAILED, error="a hole")
    assert (failed.failed_in, failed.error) == (failed_in, "a hole")
    with refused(409):
        world.report(number, State.SCANNING)

    retried = world.wish(number, "retry")

    assert (retried.state, retried.failed_in, retried.error) == (failed_in, "", "")
    world.report(number, State.FAILED)
    assert (world.wish(number, "apply").state, world.state.replays[number].wish) == (failed_in, "apply")


def test_a_replay_that_failed_while_applying_keeps_others_out_until_it_is_over(world: World) -> None:
    first, second = world.ready(), world.ready()
    world.wish(first, "apply")
    world.report(first, State.APPLYING, took_wish=True, generation=2)
    world.report(first, State.FAILED, error="x")

    with refused(409):
        world.wish(second, "apply")
    assert world.wish(first, "retry").state == "applying"
    world.report(first, State.APPLIED)
    assert world.wish(second, "apply").wish == "apply"


def test_one_runner_holds_a_replay_while_it_speaks(world: World) -> None:
    number = world.create()
    world.report(number, State.SCANNING, runner="a")
    with refused(409):
        world.report(number, State.SCANNING, runner="b")
    world.now += HELD_S * SECOND

    assert world.report(number, State.SCANNING, runner="b").runner == "b"
    with refused(409):
        world.report(number, State.DIFFING, runner="a")
    world.report(number, State.DIFFING, runner="b")
    world.report(number, State.READY, runner="b")
    with refused(409):
        world.report(number, progress=Progress(step="x"), runner="a")


def test_a_report_sent_twice_does_not_take_a_wish_that_came_between(world: World) -> None:
    number = world.ready()
    world.wish(number, "apply")
    world.report(number, State.APPLYING, took_wish=True)
    world.wish(number, "cancel")

    assert world.report(number, State.APPLYING, took_wish=True).wish == "cancel"


def test_generations_are_told_in_their_states_and_stay(world: World) -> None:
    number = world.ready()
    with refused(409):
        world.report(number, generation=2)
    world.wish(number, "apply")
    world.report(number, State.APPLYING, took_wish=True)
    world.report(number, generation=2)
    world.report(number, generation=2)
    with refused(409):
        world.report(number, generation=3)


def test_progress_alone_is_written_every_ten_seconds_and_a_state_at_once(world: World) -> None:
    number = world.create()
    recorded = world.report(number, State.SCANNING)

    def after(seconds: float, **said: Any) -> bool:
        report = Report(runner="worker", progress=Progress(done=5), **said)
        later = Author("api", recorded.seen_at + int(seconds * SECOND))
        told = replay_reports.report(world.state, recorded, report, later)
        return replay_reports.is_due(recorded, told)

    assert (after(1), after(9.9), after(10)) == (False, False, True)
    assert after(1, state=State.DIFFING)
    assert after(1, figures=Figures(records=1, counts=Counts(added=1)))


@pytest.mark.parametrize(
    "asked",
    [
        {"selection": Selection(stages=("open",))},
        {"mode": Mode.PLACE, "candidates": ("ttn@1",)},
        {"selection": Selection(time_from=5, time_until=5)},
        {"selection": Selection(received_from=6, received_until=5)},
        {"selection": Selection(offsets={"0": (5, 5)})},
        {"selection": Selection(offsets={"all": (0, 5)})},
        {"sinks": ("clickhouse",)},
        {"mapping_as_of": "yesterday"},
    ],
)
def test_what_makes_no_sense_is_400(world: World, asked: dict[str, Any]) -> None:
    with refused(400):
        world.create(**asked)


@pytest.mark.parametrize(
    ("one", "other", "touch"),
    [
        ({}, {}, True),
        ({"sources": ("a",)}, {"sources": ("b",)}, False),
        ({"sources": ("a", "b")}, {"sources": ("b",)}, True),
        ({"sources": ("a",)}, {}, True),
        ({"devices": ("a:1",)}, {"devices": ("a:2",)}, True),
        ({"devices": ("a:1",)}, {"sources": ("b",)}, True),
        ({"received_until": 5}, {"received_from": 5}, True),
        ({"offsets": {"0": (0, 5)}}, {"offsets": {"1": (0, 5)}}, True),
        ({"time_until": 5}, {"time_from": 5}, True),
        ({"codecs": ("a",)}, {"codecs": ("b",)}, True),
    ],
)
def test_two_selections_are_apart_only_when_that_is_provable(
    world: World, one: dict[str, Any], other: dict[str, Any], touch: bool
) -> None:
    first, second = (world.state.replays[world.create(selection=Selection(**chosen))] for chosen in (one, other))

    assert replays.may_touch_the_same(first, second) is replays.may_touch_the_same(second, first) is touch


def test_devices_prove_it_only_between_two_that_place(world: World) -> None:
    def made(mode: Mode, device: str) -> Replay:
        return world.state.replays[world.create(mode=mode, selection=Selection(devices=(device,)))]

    placing = made(Mode.PLACE, "a:1")

    assert not replays.may_touch_the_same(placing, made(Mode.PLACE, "a:2"))
    assert replays.may_touch_the_same(placing, made(Mode.PLACE, "a:1"))
    assert replays.may_touch_the_same(placing, made(Mode.DECODE, "a:2"))


NUMBER = st.sampled_from([1, 1, 2, 2, 3])
TAKE = st.tuples(st.just("take"), NUMBER, st.sampled_from(["on", "on", "on", "fail"]))
STEPS = st.one_of(
    TAKE,
    TAKE,
    st.tuples(st.just("wish"), NUMBER, st.sampled_from(["apply", "apply", "undo", "cancel", "retry"])),
    st.tuples(st.just("report"), NUMBER, st.sampled_from(list(State))),
    st.tuples(st.just("deploy"), st.just(0), st.sampled_from(["c0", "c0", "c9"])),
)
ALLOWED = {
    "queued": "scanning cancelled failed",
    "scanning": "diffing cancelled failed",
    "diffing": "scanning ready cancelled failed",
    "ready": "applying cancelled failed",
    "applying": "applied cancelled failed",
    "applied": "undoing failed",
    "undoing": "undone failed",
    "undone": "",
    "cancelled": "",
    "failed": "queued scanning diffing ready applying applied undoing",
}
WITHOUT_IT_NOT = {"applying": "apply", "undoing": "undo"}
NEXT = {
    "queued": State.SCANNING, "scanning": State.DIFFING, "diffing": State.READY, "ready": State.APPLYING,
    "applying": State.APPLIED, "applied": State.UNDOING, "undoing": State.UNDONE,
}  # fmt: skip


def step(world: World, what: str, number: int, chosen: Any) -> None:
    now = State(world.state.replays[number].state) if number else State.QUEUED
    match what:
        case "deploy":
            world.deploy(chosen)
        case "wish":
            world.wish(number, chosen)
        case "report":
            world.report(number, chosen)
        case _ if chosen == "fail":
            world.report(number, State.FAILED)
        case _ if now in NEXT:
            world.report(number, NEXT[now], took_wish=True, **(HASHES if now is State.QUEUED else {}))


@settings(max_examples=300)
@given(st.lists(STEPS, min_size=10, max_size=60))
def test_no_sequence_leaves_the_states_or_lets_two_correct_the_same_rows(steps: list[tuple[str, int, Any]]) -> None:
    world, wishes = World(), set[tuple[int, str]]()
    overlapping = [world.ready(), world.ready()]
    world.create(selection=Selection(sources=("a",)))
    for what, number, chosen in steps:
        before = dict(world.state.replays)
        with suppress(Refused):
            step(world, what, number, chosen)
            wishes |= {(number, chosen)} if what == "wish" else set()
        for n, held in world.state.replays.items():
            was, now = before[n].state, held.state
            assert was == now or now in ALLOWED[was].split()
            assert was == now or was != "failed" or what == "wish"
            assert WITHOUT_IT_NOT.get(now, "") in {"", *(wish for of, wish in wishes if of == n)}
        assert sum(replays.is_correcting(world.state.replays[n]) for n in overlapping) <= 1


@given(st.lists(STEPS, max_size=40))
def test_a_refusal_and_a_repeated_report_change_nothing(steps: list[tuple[str, int, Any]]) -> None:
    world = World()
    for _ in range(3):
        world.create()
    for what, number, chosen in steps:
        held = dict(world.state.replays)
        try:
            step(world, what, number, chosen)
        except Refused:
            assert world.state.replays == held
            continue
        if what == "report":
            once = world.state.replays[number]
            again = world.report(number, chosen)
            assert structs.replace(again, seen_at=once.seen_at, changed_at=once.changed_at) == once
