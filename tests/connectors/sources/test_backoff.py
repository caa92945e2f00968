"""Pauses double up to a limit, with jitter, and begin anew after a good time."""

import math

import pytest

from connectors.sources.backoff import Pauses


@pytest.fixture
def pauses() -> Pauses:
    return Pauses(0.2, 5.0, 2.0)


def test_pauses_double_up_to_the_limit(pauses: Pauses) -> None:
    for step in (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert step / 2 <= pauses.after(0) <= step


@pytest.mark.parametrize(("good_s", "most"), [(2.5, 0.2), (1.5, 1.6), (-math.inf, 1.6)])
def test_only_a_good_time_lets_them_begin_anew(pauses: Pauses, good_s: float, most: float) -> None:
    for _ in range(3):
        pauses.after(0)

    assert most / 2 <= pauses.after(good_s) <= most
