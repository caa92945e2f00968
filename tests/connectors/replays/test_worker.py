"""What a worker remembers before it begins, and what it does when nobody answers."""

from collections.abc import Callable
from threading import Event
from typing import Any, cast

import msgspec
import pytest
from confluent_kafka import KafkaException
from msgspec.structs import replace
from structlog.testing import capture_logs

from connectors.api.client import Denied
from connectors.replays import placing, worker
from connectors.replays.office import Office
from connectors.replays.worker import Worker
from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from streams.core.replay_record import Replay
from streams.replay.job import Figures, Mode, State
from streams.settings import Settings


def undoing() -> Replay:
    figures = msgspec.json.encode(Figures(mapping_position=5)).decode()
    return Replay(id=1, mode=Mode.DECODE.value, state=State.APPLIED.value, wish="undo", selection="{}", figures=figures)


class Changes:
    """Hears from where places are to be looked at again."""

    def __init__(self, heard: list[Any]) -> None:
        self._heard = heard

    def again(self, position: int) -> None:
        self._heard.append(position)
        if position < 0:
            raise KafkaException("away")

    def close(self) -> None:
        self._heard.append("closed")


class Registered:
    """An office with this one replay."""

    def get(self, _: int) -> Replay:
        return undoing()


def test_places_are_to_be_looked_at_again_before_an_undo_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before it is known that it can: an undo that is refused would have the placements anew that stand in its way."""
    heard: list[Any] = []

    def dies(*_: Any, begins_undo: Callable[[Replay], None], **__: Any) -> None:
        heard.append("looked")
        begins_undo(undoing())
        heard.append("undo")
        raise TimeoutError

    monkeypatch.setattr(worker, "run_replay", dies)
    made = Worker(Settings(), Event())
    made._changes, made._office = cast(placing.MappingChanges, Changes(heard)), cast(Office, Registered())
    made._view._data[b"1"] = undoing()

    with pytest.raises(TimeoutError):
        made._turn()

    assert heard == ["looked", 5, "undo"]


def test_an_undo_that_cannot_say_so_for_its_client_has_lost_kafka_gets_another() -> None:
    heard: list[Any] = []
    made = Worker(Settings(), Event())
    made._changes = cast(placing.MappingChanges, Changes(heard))

    with pytest.raises(KafkaException):
        made._place_again(replace(undoing(), figures="{}"))

    assert (heard, made._changes is None) == ([-1, "closed"], True)


class Asked:
    """An office that answers, and hears what is asked for."""

    def __init__(self, refuses: bool = False) -> None:
        self.heard: list[Any] = []
        self._refuses = refuses

    def create(self, **asked: Any) -> Replay:
        self.heard.append(("create", asked["mode"], asked["selection"], asked["apply"]))
        return placement(9, State.QUEUED)

    def wish(self, replay: int, what: str) -> Replay:
        self.heard.append((what, replay))
        if self._refuses:
            raise Denied(409, "Replay 3 may touch the same rows, and is applying.")
        return placement(replay, State.READY)


def placement(number: int, state: State, failed_in: str = "") -> Replay:
    chosen = '{"devices":["a:1","a:2"]}'
    return Replay(id=number, mode="place", state=state.value, selection=chosen, failed_in=failed_in)


def placing_worker(monkeypatch: pytest.MonkeyPatch, office: Asked, rested: Replay | None, *known: Replay) -> Worker:
    made = Worker(Settings(), Event())
    made._office = cast(Office, office)
    made._view._data.update({str(replay.id).encode(): replay for replay in known})
    monkeypatch.setattr(worker, "run_replay", lambda *_, **__: rested)
    return made


CREATED = [("create", "place", {"devices": ["a:1", "a:2"]}, True)]


@pytest.mark.parametrize(
    ("rested", "right"),
    [
        (placement(9, State.APPLIED), True),
        (placement(9, State.FAILED, "ready"), False),
        (placement(9, State.CANCELLED), False),
        (None, False),
    ],
)
def test_places_are_right_when_the_placement_is_applied(
    monkeypatch: pytest.MonkeyPatch, rested: Replay | None, right: bool
) -> None:
    """Another worker's was in the way: it failed, and the devices counted as done."""
    office = Asked()
    made = placing_worker(monkeypatch, office, rested)

    assert (made._correct_places(["a:1", "a:2"], "mapping changed by ann"), office.heard) == (right, CREATED)


@pytest.mark.parametrize(
    ("known", "heard"),
    [
        (placement(4, State.FAILED, "ready"), [("apply", 4)]),
        (placement(4, State.FAILED, "applying"), [("apply", 4)]),
        (placement(4, State.FAILED, "applied"), CREATED),
        (placement(4, State.CANCELLED), CREATED),
    ],
)
def test_a_placement_that_failed_goes_on_rather_than_another_begin(
    monkeypatch: pytest.MonkeyPatch, known: Replay, heard: list[Any]
) -> None:
    office = Asked()
    made = placing_worker(monkeypatch, office, placement(4, State.APPLIED), known)

    assert (made._correct_places(["a:1", "a:2"], ""), office.heard) == (True, heard)


def test_a_placement_that_is_refused_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    made = placing_worker(monkeypatch, Asked(refuses=True), None, placement(4, State.FAILED, "ready"))

    assert not made._correct_places(["a:1", "a:2"], "")


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(TimeoutError(), ["closed"]), (KafkaException("away"), ["closed"]), (Transient("the store is away"), [])],
)
def test_clients_that_reached_nobody_are_not_asked_again(fault: Exception, heard: list[str]) -> None:
    """They may have lost Kafka for good: places stood still until somebody started the worker again."""
    said: list[Any] = []
    made = Worker(Settings(), Event())
    made._changes = cast(placing.MappingChanges, Changes(said))

    made._wait(fault)

    assert (said, made._changes is None) == (heard, bool(heard))


def test_what_is_waited_for_has_a_name() -> None:
    with capture_logs() as lines:
        Worker(Settings(), Event())._wait(TimeoutError())

    assert [line["fault"] for line in lines] == ["TimeoutError"]


class Kept:
    """A store that has tables of some replays."""

    def __init__(self, stop: Event, jobs: set[int]) -> None:
        self.dropped: list[int] = []
        self._stop, self._jobs = stop, jobs

    def jobs(self) -> set[int]:
        return self._jobs

    def drop(self, job: int, *, journal: bool) -> None:
        assert journal
        self.dropped.append(job)
        if job == 3:
            self._stop.set()


@pytest.mark.parametrize(("jobs", "dropped"), [({2}, [2]), ({2, 9}, [2]), ({3, 4}, [3]), (set[int](), [])])
def test_only_what_old_replays_hold_is_given_back_and_not_after_the_worker_is_to_stop(
    jobs: set[int], dropped: list[int]
) -> None:
    """Every hour, 18 statements for every replay there ever was."""
    stop = Event()
    made, store = Worker(Settings(), stop), Kept(stop, jobs)
    made._store = cast(ClickHouseReplayStore, store)
    for number in (1, 2, 3, 4):
        made._view._data[str(number).encode()] = Replay(id=number, mode="place", state="applied", changed_at=number)

    made._tidy()

    assert store.dropped == dropped
