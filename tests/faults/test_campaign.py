"""The long campaign comes to an end."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import campaign
from tests.faults.result import Kill, Result


def a_run(*killed: bool) -> Any:
    """A case whose kills are survived, or not, in this order; then somebody stops it."""
    answers, result = iter(killed), Result(name="campaign", row=0, seed=1)

    def kill(name: str) -> Kill:
        result.kills += 1
        answer = next(answers, None)
        if answer is None:
            raise KeyboardInterrupt
        if not answer:
            raise TimeoutError("no row of a probe")
        return Kill(name, 1.0, 1.0)

    def holds(what: str, truth: bool) -> None:
        result.faults += [] if truth else [what]

    load = SimpleNamespace(also=lambda _: None, acknowledged=7)
    return SimpleNamespace(load=load, rng=random.Random(1), result=result, kill=kill, holds=holds)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MEAN_PAUSE_S", 1e-6)
    monkeypatch.setattr(campaign, "_stored", lambda _: 0)
    monkeypatch.setattr(campaign, "_place_anew", lambda _: None)


def test_three_in_a_row_that_do_not_come_back_are_its_end() -> None:
    one = a_run(True, False, False, True, False, False, False)

    campaign.campaign(2, 10, 1.0).act(one)

    assert one.result.kills == 7
    assert [fault.partition(" ")[2] for fault in one.result.faults] == [
        f"comes back after kill {number}: no row of a probe" for number in (2, 3, 5, 6, 7)
    ]


def test_points_are_placed_anew_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    one, placed_after = a_run(*[True] * 20), list[int]()
    monkeypatch.setattr(campaign, "_place_anew", lambda run: placed_after.append(run.result.kills))

    campaign.campaign(20, 10, 1.0).act(one)

    assert placed_after == [5, 15]
