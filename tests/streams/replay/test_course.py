"""A runner gives signs of life, and ends when the replay is another's."""

from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.replay import course
from streams.replay.course import Course, Stopped

REPLAY = Replay(id=7, mode="decode", state="diffing", changed_at=0, changed_by="ann", why="")
SOON_S = 10


class Counting:
    """An office that hears so many reports, then refuses."""

    def __init__(self, most: int) -> None:
        self.most, self.reports = most, list[dict[str, Any]]()
        self.refused, self.full = Event(), Event()

    def get(self, replay: int) -> Replay:
        raise NotImplementedError

    def all(self) -> list[Replay]:
        raise NotImplementedError

    state = REPLAY.state

    def report(self, replay: int, **fields: Any) -> Replay:
        if len(self.reports) >= self.most:
            self.refused.set()
            raise Stopped("another runner has it")
        self.reports.append(fields)
        if len(self.reports) == self.most:
            self.full.set()
        return replace(REPLAY, state=self.state)

    def open_generation(self, why: str, above: int = 0) -> Generation:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SIGN_EVERY_S", 0.01)


def test_gives_signs_of_life_while_one_statement_takes_long() -> None:
    office = Counting(most=1_000_000)
    made = Course(office, REPLAY, Event(), lambda *_: None)
    with made.alive():
        made.begin("comparing with the store")
        told, office.most = len(office.reports), len(office.reports) + 3
        assert office.full.wait(SOON_S)
    assert {report["progress"].step for report in office.reports[told:]} == {"comparing with the store"}


def test_ends_when_it_hears_that_another_runner_has_the_replay() -> None:
    office = Counting(most=2)
    made = Course(office, REPLAY, Event(), lambda *_: None)
    with made.alive():
        assert office.refused.wait(SOON_S)
    with pytest.raises(Stopped):
        made.heed()


def test_asks_before_something_is_changed_whether_the_replay_is_still_its_own_when_it_was_silent_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a process that was frozen: another runner may have the replay since, and its tables."""
    office = Counting(most=2)
    made = Course(office, REPLAY, Event(), lambda *_: None)
    made.note()
    made.hold()
    assert len(office.reports) == 1

    monkeypatch.setattr(course, "SURE_S", 0.0)
    made.hold()
    assert len(office.reports) == 2
    with pytest.raises(Stopped):
        made.hold()


def test_ends_when_the_replay_has_gone_on_without_it() -> None:
    office = Counting(most=9)
    made = Course(office, REPLAY, Event(), lambda *_: None)
    made.note()
    office.state = "ready"
    with pytest.raises(Stopped):
        made.note()
