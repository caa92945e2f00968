"""Bounds of base windows."""

import pytest

from streams.core.times import SECOND
from streams.core.window import Rule, start_of, starts

MINUTE = 60 * SECOND


def test_it_aligns_windows_to_the_epoch_and_leaves_their_end_out() -> None:
    assert start_of(2 * MINUTE, MINUTE) == 2 * MINUTE
    assert start_of(3 * MINUTE - 1, MINUTE) == 2 * MINUTE
    assert start_of(-1, MINUTE) == -MINUTE


def test_it_lists_every_window_that_a_stretch_touches() -> None:
    assert list(starts(59 * SECOND, 121 * SECOND, MINUTE)) == [0, MINUTE, 2 * MINUTE]
    assert list(starts(60 * SECOND, 60 * SECOND, MINUTE)) == [MINUTE]


@pytest.mark.parametrize(
    ("lengths", "span"), [((60, 300), 300), ((300, 60, 60), 300), ((120, 300), 600), ((1,), 1), ((3600, 7200), 7200)]
)
def test_it_makes_a_span_that_every_length_divides(lengths: tuple[int, ...], span: int) -> None:
    assert Rule.of_seconds(lengths, hold=180, ahead=3660).span == span * SECOND


def test_it_reads_back_far_enough_to_cover_every_open_span() -> None:
    rule = Rule.of_seconds((60, 300), hold=180, ahead=3660)
    assert rule.horizon(10_000 * SECOND) == (10_000 - 180 - 300 - 3660) * SECOND
