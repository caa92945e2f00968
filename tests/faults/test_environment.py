"""Cases of the machine come to an end, and know when clocks are changed."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from streams.replay.job import State
from tests.faults.cases import environment


def ended(monkeypatch: pytest.MonkeyPatch, *states: State) -> tuple[str, list[int]]:
    """What is said of a replay that goes through these states and stays in the last; the clock as it was set."""
    clock, left = list[int](), list(states)
    one: Any = SimpleNamespace(world=SimpleNamespace(set_clock=clock.append))
    office: Any = SimpleNamespace(get=lambda _: SimpleNamespace(state=left.pop(0) if len(left) > 1 else left[0]))
    monkeypatch.setattr(environment, "JUMP_S", 0)
    return environment._ended_while_clocks_jump(one, office, 1), clock


def test_clocks_jump_until_the_replay_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, State.SCANNING, State.APPLIED) == (State.APPLIED, [3600, -3600, 0])


def test_a_replay_that_never_ends_does_not_keep_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PATIENCE_S", 0)

    assert ended(monkeypatch, State.SCANNING) == (State.SCANNING, [3600, 0])


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (datetime(2026, 12, 1, 5, 6, tzinfo=UTC), [(2026, 10, 3), (2026, 4, 4)]),
        (datetime(2026, 4, 4, 16, tzinfo=UTC), [(2026, 4, 4), (2025, 10, 4)]),
        (datetime(2026, 4, 4, 15, 59, tzinfo=UTC), [(2025, 10, 4), (2025, 4, 5)]),
    ],
)
def test_the_last_two_nights_in_which_clocks_were_changed_are_known(
    before: datetime, found: list[tuple[int, int, int]]
) -> None:
    """In Sydney at 16 h UTC on the Saturdays before the first Sundays of October and April."""
    assert environment.switches(before) == [datetime(year, month, day, 16, tzinfo=UTC) for year, month, day in found]
