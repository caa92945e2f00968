"""Singling out a culprit."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.base import Record, Rejection
from connectors.sinks.clickhouse.batch import Item, bisected, columns
from connectors.sinks.clickhouse.store import BadData


@given(st.lists(st.booleans(), max_size=40))
def test_exactly_the_bad_ones_are_rejected_and_exactly_the_good_ones_inserted(good: list[bool]) -> None:
    items = [Item(i, Record("readings", 0, i, None, None, 0), None) for i in range(len(good))]
    stored: list[int] = []

    def insert(some: Sequence[Item]) -> list[Rejection]:
        if not all(good[item.index] for item in some):
            raise BadData("incorrect-data", "no")
        stored.extend(item.index for item in some)
        return []

    rejected = bisected(items, insert)

    assert stored == [i for i, is_good in enumerate(good) if is_good]
    assert rejected == [Rejection(i, "incorrect-data", "no") for i, is_good in enumerate(good) if not is_good]


def test_rows_are_turned_into_columns() -> None:
    assert columns([(1, "a"), (2, "b")]) == [[1, 2], ["a", "b"]]
    assert columns([]) == [[]]
