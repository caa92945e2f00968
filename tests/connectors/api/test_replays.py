"""Replays over HTTP, without Kafka and store: shapes, refusals, and what is said when something is away."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api import replay_shapes as shapes
from connectors.api.replay_desk import Desk
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.registry.state import REPLAYS, Change
from streams.replay.job import Counts, Figures, Progress
from streams.replay.selection import Selection
from streams.replay.store import Sample
from tests.connectors.api.test_app import Caller

APRIL = 1_715_382_000_123_456_000


def record(number: int, state: str, **fields: Any) -> Replay:
    chosen = Selection(sources=("ydoc",), time_from=APRIL, offsets={"0": (5, 9)})
    return Replay(
        id=number, mode="decode", state=state, selection=msgspec.json.encode(chosen).decode(), created_at=APRIL,
        created_by="ann", changed_at=APRIL, **fields,
    )  # fmt: skip


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with asyncio.Runner() as runner:
        caller = Caller(runner)
        for one in (record(1, "ready"), record(2, "scanning"), record(3, "failed", failed_in="scanning")):
            caller.store.state.apply(Change(REPLAYS, str(one.id), one))
        yield caller


def test_a_replay_is_shown_with_times_that_people_read(call: Caller) -> None:
    shown = call("GET", "/api/replays/1").json()

    assert shown["selection"] == {
        "sources": ["ydoc"],
        "time_from": "2024-05-10T23:00:00.123456+00:00",
        "offsets": {"0": [5, 9]},
    }
    assert (shown["created_at"], shown["seen_at"]) == ("2024-05-10T23:00:00.123456+00:00", None)
    assert [replay["id"] for replay in call("GET", "/api/replays").json()] == [3, 2, 1]


def test_what_is_not_there_is_404(call: Caller) -> None:
    for method, path in (("GET", ""), ("GET", "/diff"), ("GET", "/samples")):
        answer = call(method, f"/api/replays/9{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "There is no replay 9."})
    assert call("POST", "/api/replays/9/report", json={"runner": "a"}).status_code == 404


@pytest.mark.parametrize(("number", "state"), [(2, "scanning"), (3, "failed")])
def test_a_replay_that_compared_nothing_has_no_diff(call: Caller, number: int, state: str) -> None:
    answer = call("GET", f"/api/replays/{number}/diff")

    assert (answer.status_code, answer.json()) == (409, {"detail": f"Replay {number} is {state}: it has no diff."})


def test_a_criterion_that_is_not_known_is_refused_and_not_left_out(call: Caller) -> None:
    for body in (
        {"selection": {"source": ["ydoc"]}},
        {"mode": "everything"},
        {"selection": {"offsets": {"0": [1]}}},
        {"selection": {"time_from": "1066-10-14"}},
        {"mapping_as_of": "then"},
    ):
        assert call("POST", "/api/replays", json=body).status_code == 422
        assert call("POST", "/api/replays/plan", json=body).status_code == 422


def test_a_figure_that_is_not_known_is_refused(call: Caller) -> None:
    faults: list[dict[str, Any]] = [
        {"figures": {"records": "many"}}, {"state": "sleeping"}, {"progress": {"done": []}},
    ]  # fmt: skip
    for said in faults:
        answer = call("POST", "/api/replays/1/report", json={"runner": "a"} | said)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("No such report: ")


def test_only_administrators_ask_and_wish(call: Caller) -> None:
    assert call("GET", "/api/replays/1", "reader").status_code == 200
    for path in ("", "/plan", "/1/apply", "/1/report"):
        assert call("POST", f"/api/replays{path}", "reader", json={}).status_code == 403
    assert call("POST", "/api/replays/1/explode").status_code == 422


TIMES = st.none() | st.integers(0, 9_000_000_000_000_000).map(lambda us: us * 1000)
SELECTIONS = st.builds(
    Selection,
    sources=st.lists(st.text(max_size=5)).map(tuple),
    logical=st.lists(st.integers(0, 99)).map(tuple),
    time_from=TIMES,
    time_until=TIMES,
    received_from=TIMES,
    received_until=TIMES,
    offsets=st.dictionaries(st.integers(0, 9).map(str), st.tuples(st.integers(0, 9), st.integers(0, 2**62))),
)


@given(SELECTIONS, TIMES.map(lambda time: time or 0))
def test_a_replay_is_read_as_it_was_shown(chosen: Selection, time: int) -> None:
    figures = Figures(records=7, counts=Counts(added=3), holes=["a"])
    held = Replay(
        id=7, mode="place", state="ready", selection=msgspec.json.encode(chosen).decode(), created_at=time,
        changed_at=time, seen_at=time, ends={"0": 4}, generation=3, progress=msgspec.json.encode(Progress()).decode(),
        figures=msgspec.json.encode(figures).decode(),
    )  # fmt: skip

    assert shapes.read_replay(msgspec.json.decode(msgspec.json.encode(shapes.replay(held)))) == held


def test_a_sample_is_read_as_it_was_shown() -> None:
    sample = Sample(
        kind="changed", device="a:1", name="t", time=APRIL, before="1", after="2", before_uid=0, after_uid=3,
        partition=1, offset=5,
    )  # fmt: skip

    assert shapes.sample(sample)["time"] == "2024-05-10T23:00:00.123456+00:00"
    assert shapes.read_sample(shapes.sample(sample)) == sample


def test_the_desk_shows_newer_progress_than_was_written_and_never_older() -> None:
    desk, written = Desk(), record(1, "scanning", runner="a", seen_at=100)
    desk.keep(record(1, "scanning", runner="a", seen_at=105, progress='{"done":7}'))

    assert (desk.shown(written).progress, desk.shown(written).seen_at) == ('{"done":7}', 105)
    later = record(1, "scanning", runner="a", seen_at=110, progress='{"done":9}')
    assert desk.shown(later) == later


def test_silence_that_nobody_could_hear_does_not_count() -> None:
    desk, written = Desk(), record(1, "scanning", runner="a", seen_at=100)
    began = desk.held(written).seen_at
    assert began > 1_600_000_000 * SECOND

    desk.hear(written, "b", began + 5)
    assert desk.held(written).seen_at == began
    desk.hear(written, "a", began + 9)
    assert desk.held(written).seen_at == began + 9
