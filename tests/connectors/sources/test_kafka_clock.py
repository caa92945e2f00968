"""What answers say of a connector's clock: the least of a period, since an answer takes a while."""

import math

import pytest
from structlog.testing import capture_logs

from connectors.sources.kafka_clock import KafkaClock

APPENDED_MS, APPENDED_S = 1_715_382_000_000, 1_715_382_000.0


def test_nothing_is_known_before_the_first_answer() -> None:
    assert math.isnan(KafkaClock().ahead_s)


def test_the_least_difference_of_a_period_counts() -> None:
    clock = KafkaClock()
    clock.answered(APPENDED_MS, APPENDED_S + 3, 0)
    assert clock.ahead_s == 3

    for second, late in ((1, 2.5), (5, 0.25), (11, 4.0)):
        clock.answered(APPENDED_MS, APPENDED_S + late, second)

    assert clock.ahead_s == 0.25


@pytest.mark.parametrize("off", [3600.0, -86_400.0])
def test_a_clock_that_is_far_off_is_told_once_and_when_it_agrees_again(off: float) -> None:
    clock = KafkaClock()
    with capture_logs() as told:
        for period, ahead in enumerate((0.0, off, off, 0.0, 0.0)):
            clock.answered(APPENDED_MS, APPENDED_S + ahead, period * 20.0)

    assert [(line["event"], line["ahead_s"]) for line in told] == [("clock-differs", off), ("clock-agrees", 0.0)]
