"""Cases of the doors, and of what is asked to end."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.cases import doors
from tests.faults.cases.common import PROCESSES
from tests.faults.result import Result


class Case:
    """All end at once; ``statuses``: with these, where it is not 0."""

    def __init__(self, statuses: dict[str, int]) -> None:
        self.broken, self.result = list[str](), Result(name="a", row=18, seed=1)
        self.load = SimpleNamespace(more=lambda _: None)
        self.fresh_row = lambda _: None
        ended = {name: SimpleNamespace(exit_status=statuses.get(name, 0)) for name in PROCESSES}
        self.world = SimpleNamespace(end=lambda _: 0.5, processes=lambda: ended)

    def holds(self, what: str, truth: bool) -> None:
        self.broken += [] if truth else [what]


@pytest.mark.parametrize(
    ("statuses", "broken"), [({}, []), ({"mqtt": -15}, ["mqtt ends with status 0 after SIGTERM, not -15"])]
)
def test_who_dies_of_sigterm_has_not_ended_as_asked(statuses: dict[str, int], broken: list[str]) -> None:
    one: Any = Case(statuses)

    doors.terminate(one)

    assert one.broken == broken
