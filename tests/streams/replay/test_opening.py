"""At which generation a correction is written."""

from threading import Event
from typing import Any, cast

import pytest
from msgspec.structs import replace

from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.replay import opening
from streams.replay.course import Course
from streams.replay.store import ReplayStore

REPLAY = Replay(id=7, mode="decode", state="applying", created_at=60 * SECOND, changed_at=0, changed_by="ann", why="")


class Opening:
    """An office, and a store whose rows are of generations up to 8."""

    def __init__(self, replay: Replay) -> None:
        self.replay, self.asked = replay, list[tuple[str, int]]()

    def get(self, replay: int) -> Replay:
        raise NotImplementedError

    def all(self) -> list[Replay]:
        raise NotImplementedError

    def report(self, replay: int, **fields: Any) -> Replay:
        known = {name: value for name, value in fields.items() if name.endswith("generation")}
        self.replay = replace(self.replay, **known)
        return self.replay

    def open_generation(self, why: str, above: int = 0) -> Generation:
        self.asked.append((why, above))
        return Generation(number=above + 1, fences={}, code="", codecs="", rules="", opened_at=0, opened_by="", why=why)

    def newest_generation(self, job: int) -> int:
        return 8


@pytest.fixture(autouse=True)
def _known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "KNOWN_AFTER_S", 0.0)


def opened(office: Opening, what: str) -> int:
    course = Course(office, office.replay, Event(), lambda *_: None)
    return opening.generation(course, office, cast(ReplayStore, office), what)


def test_it_is_above_that_of_the_rows_there_and_opened_for_no_other_replay_of_the_number() -> None:
    """A registry that was restored knows neither: the lost replay 7 had opened one, too."""
    office = Opening(REPLAY)

    assert (opened(office, "apply"), office.replay.generation) == (9, 9)
    assert (opened(office, "undo"), office.replay.undo_generation) == (9, 9)
    assert office.asked == [
        ("replay 7 of 1970-01-01T00:01:00+00:00: apply", 8),
        ("replay 7 of 1970-01-01T00:01:00+00:00: undo", 8),
    ]


def test_it_is_that_of_an_earlier_attempt_which_may_have_written_at_it() -> None:
    office = Opening(replace(REPLAY, generation=4))

    assert (opened(office, "apply"), office.asked) == (4, [])
