"""Figures of a window, written out."""

import statistics
from math import fsum, inf

from hypothesis import given
from hypothesis import strategies as st

from streams.core.aggregate import Figures, figures

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50)


def test_it_tells_what_a_series_did() -> None:
    assert figures([3.0, -1.0, 7.0]) == Figures(3, 9.0, -1.0, 7.0, 3.0, 7.0, 3.0)


def test_it_takes_the_mean_of_the_middle_two_as_median_of_an_even_count() -> None:
    assert figures([4.0, 1.0, 2.0, 10.0]).median == 3.0


def test_it_sums_exactly() -> None:
    assert figures([0.1] * 10).sum == 1.0
    assert figures([1e100, 1.0, -1e100]).sum == 1.0


def test_it_survives_the_largest_doubles() -> None:
    assert figures([1.7e308, 1.7e308]).sum == inf
    assert figures([1.7e308, 1.7e308]).median == 1.7e308


@given(NUMBERS.filter(lambda values: max(map(abs, values)) < 1e300), st.sampled_from([1, 300]))
def test_it_agrees_with_the_definitions(values: list[float], times: int) -> None:
    values = values * times
    expected = (len(values), fsum(values), min(values), max(values), values[0], values[-1], statistics.median(values))
    found = figures(values)
    assert (found.count, found.sum, found.min, found.max, found.first, found.last, found.median) == expected
