"""What answers say of a connector's clock: the least of a period, since an answer takes a while."""

import math

import pytest
from structlog.testing import capture_logs

from connectors.sources.kafka_clock import KafkaClock

APPENDED_MS, APPENDED_S = 1_715_382_000_000, 1_715_382_000.0


def answered(clock: KafkaClock, *answers: tuple[float, float]) -> None:
    """At these seconds, with these differences."""
    for second, ahead in answers:
        clock.answered(APPENDED_MS, APPENDED_S + ahead, second)


def test_nothing_is_known_before_the_first_answer() -> None:
    assert math.isnan(KafkaClock().ahead_s(5))


def test_the_least_of_this_period_and_the_one_before_counts() -> None:
    clock = KafkaClock()
    answered(clock, (0, 3.0), (1, 0.25), (5, 1.0))
    assert clock.ahead_s(9) == 0.25

    answered(clock, (11, 8.0))
    assert clock.ahead_s(12) == 0.25

    answered(clock, (22, 7.0))
    assert clock.ahead_s(23) == 7.0


def test_what_was_long_ago_says_nothing_of_now() -> None:
    clock = KafkaClock()
    answered(clock, (0, 3600.0), (50, 0.0))

    assert clock.ahead_s(51) == 0.0
    assert math.isnan(clock.ahead_s(111))


@pytest.mark.parametrize("off", [3600.0, -86_400.0])
def test_a_clock_that_is_far_off_is_told_once_and_when_it_agrees_again(off: float) -> None:
    clock = KafkaClock()
    with capture_logs() as told:
        answered(clock, *((period * 12.0, ahead) for period, ahead in enumerate((0, off, off, off, 0, 0, 0))))

    assert [(line["event"], line["ahead_s"]) for line in told] == [("clock-differs", off), ("clock-agrees", 0.0)]


def test_one_slow_answer_among_others_is_no_clock() -> None:
    clock = KafkaClock()
    with capture_logs() as told:
        answered(clock, *((second, 8.0 if second == 15 else 0.01) for second in range(60)))

    assert told == []
