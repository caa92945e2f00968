"""Singling out a culprit."""

from collections.abc import Callable, Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.clickhouse.batch import Item, bisected, columns
from connectors.sinks.clickhouse.store import BadData

NO = "incorrect-data", "no"


def items(count: int) -> list[Item]:
    return [Item(i, Record("readings", 0, i, None, None, 0), None) for i in range(count)]


def store(bad: Collection[int], stored: list[int]) -> Callable[[Sequence[Item]], list[Rejection]]:
    def insert(some: Sequence[Item]) -> list[Rejection]:
        if any(item.index in bad for item in some):
            raise BadData(*NO)
        stored.extend(item.index for item in some)
        return []

    return insert


@given(st.lists(st.booleans(), max_size=40).filter(lambda good: any(good) or len(good) <= 3))
def test_exactly_the_bad_ones_are_rejected_and_exactly_the_good_ones_inserted(good: list[bool]) -> None:
    bad, stored = [i for i, is_good in enumerate(good) if not is_good], list[int]()

    rejected = bisected(items(len(good)), store(bad, stored))

    assert stored == [i for i, is_good in enumerate(good) if is_good]
    assert rejected == [Rejection(i, *NO) for i in bad]


@pytest.mark.parametrize("count", [4, 5, 16, 100])
def test_no_row_is_blamed_when_not_one_of_many_passes(count: int) -> None:
    """A column that somebody altered, or what a gateway says, put whole partitions away."""
    with pytest.raises(Transient, match=f"none of {count} records is taken: incorrect-data: no"):
        bisected(items(count), store(range(count), []))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_are_put_away_when_none_passes_since_nothing_would_come_after_them(count: int) -> None:
    assert bisected(items(count), store(range(count), [])) == [Rejection(i, *NO) for i in range(count)]


def test_one_that_passes_at_the_very_end_is_enough() -> None:
    stored: list[int] = []
    assert len(bisected(items(100), store(range(99), stored))) == 99
    assert stored == [99]


def test_rows_are_turned_into_columns() -> None:
    assert columns([(1, "a"), (2, "b")]) == [[1, 2], ["a", "b"]]
    assert columns([]) == [[]]
