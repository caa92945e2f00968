"""The set of points: commutative, associative, idempotent, equal to a naive dictionary."""

from collections.abc import Iterable
from math import isnan, nan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.core.points import Points, weight

Entry = tuple[int, int]
ENTRIES = st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 30)), max_size=40)
"""(time, version); the value follows from them, as a raw record and its code give one value"""


def value_of(entry: Entry) -> float | None:
    time, version = entry
    return None if (time * 7 + version) % 5 == 0 else float(time * 100 + version)


def folded(entries: Iterable[Entry]) -> Points:
    points = Points()
    for time, version in entries:
        points.add(time, value_of((time, version)), version, f"unit {version}")
    return points


def content(points: Points) -> list[tuple[int, float | None, int]]:
    columns = zip(points.times, points.values, points.versions, strict=True)
    return [(time, None if isnan(value) else value, version) for time, value, version in columns]


def naive(entries: Iterable[Entry]) -> list[tuple[int, float | None, int]]:
    best: dict[int, int] = {}
    for time, version in entries:
        best[time] = max(version, best.get(time, -1))
    return [(time, value_of((time, version)), version) for time, version in sorted(best.items())]


@given(ENTRIES)
def test_it_equals_a_dictionary_by_time_where_the_higher_version_wins(entries: list[Entry]) -> None:
    points = folded(entries)
    assert content(points) == naive(entries)
    assert points.unit == (f"unit {max(v for _, v in entries)}" if entries else "")


@given(ENTRIES, st.randoms())
def test_it_does_not_depend_on_order_or_repetition(entries: list[Entry], random: object) -> None:
    shuffled = entries + entries[::2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    one, other = folded(entries), folded(shuffled)
    assert content(one) == content(other)
    assert (one.unit, one.unnumbered) == (other.unit, other.unnumbered)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_it_merges_in_any_grouping_to_the_set_of_all(a: list[Entry], b: list[Entry], c: list[Entry]) -> None:
    left, right, tail = folded(a), folded(c), folded(b)
    left.merge(folded(b))
    left.merge(folded(c))
    tail.merge(right)
    tail.merge(folded(a))
    everything = folded(a + b + c)
    for merged in (left, tail):
        assert content(merged) == content(everything)
        assert merged.unit == everything.unit


@given(ENTRIES, st.tuples(st.integers(-20, 20), st.integers(0, 30)))
def test_it_says_whether_a_point_changed_it(entries: list[Entry], entry: Entry) -> None:
    points = folded(entries)
    before = content(points)
    changed = points.add(entry[0], value_of(entry), entry[1], "")
    assert changed == (content(points) != before)


@given(
    ENTRIES,
    st.dictionaries(st.integers(-25, 25), st.floats(allow_nan=False, allow_infinity=False), max_size=12),
    st.integers(0, 32),
)
def test_it_takes_a_run_as_its_single_points(entries: list[Entry], run: dict[int, float], version: int) -> None:
    """Of one time and version there is one value, so where the version was there the run says the same."""
    for time, known in entries:
        told = value_of((time, version)) if known == version else None
        run = {**run, time: told} if told is not None and time in run else run
    same = {t for t, v in entries if v == version and value_of((t, v)) is None}
    run = {time: value for time, value in run.items() if time not in same}
    whole, single = folded(entries), folded(entries)
    times = np.array(sorted(run), dtype=np.int64)
    changed = whole.add_run(times, np.array([run[t] for t in sorted(run)], dtype=np.float64), version, "V")
    singly = [single.add(time, run[time], version, "V") for time in sorted(run)]
    assert changed == any(singly)
    assert content(whole) == content(single)
    assert (whole.unit, whole.unnumbered) == (single.unit, single.unnumbered)


@given(ENTRIES, st.integers(-21, 21), st.integers(0, 20))
def test_it_slices_a_window_into_its_numbers_and_highest_version(entries: list[Entry], start: int, length: int) -> None:
    inside = [(t, v, n) for t, v, n in naive(entries) if start <= t < start + length]
    values, version = folded(entries).between(start, start + length)
    assert list(values) == [value for _, value, _ in inside if value is not None]
    assert version == max((version for _, _, version in inside), default=-1)


def test_it_hides_a_number_under_a_text_of_a_higher_version_and_remembers_that() -> None:
    points = Points()
    points.add(5, 1.5, 1, "V")
    assert points.add(5, None, 2, "V")
    assert list(points.between(0, 10)[0]) == []
    assert points.unnumbered


def test_it_knows_no_number_that_is_not_finite() -> None:
    points = folded([(3, 5)])
    assert not points.add(1, nan, 1, "V")
    assert not points.add(3, float("inf"), 9, "V")
    assert content(points) == [(3, 305.0, 5)]


def test_it_holds_nothing_once_given_up_and_says_that_anything_may_have_changed() -> None:
    points = folded([(1, 1), (2, 1)])
    points.give_up()
    assert points.add(1, 1.0, 1, "V")
    assert len(points) == 0
    other = folded([(3, 3)])
    other.merge(points)
    assert other.given_up
    assert len(other) == 0


def test_it_weighs_sets_by_their_points() -> None:
    assert weight([folded([(1, 1), (2, 1)]), Points()]) == 2 * 700 + 2 * 28
