"""When the sink recomputes, over a store that fails."""

from collections.abc import Sequence
from typing import Any

import pytest

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse import sink
from connectors.sinks.clickhouse.sink import ClickHouseSink
from streams.settings import Settings
from tests.stack.store import measured, reading, records


class Failing:
    """Takes points; fails at every statement after ``takes_s``, or answers it at once when that is 0."""

    def __init__(self) -> None:
        self.now, self.takes_s, self.asked = 0.0, 0.0, 0

    def insert(self, table: object, columns: Sequence[Sequence[Any]]) -> int:
        return len(columns[0])

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        return []

    def command(self, statement: str) -> None:
        self.asked += 1
        self.now += self.takes_s
        if self.takes_s:
            raise Transient("too long")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Failing:
    made = Failing()
    monkeypatch.setattr(sink, "Store", lambda *_, **__: made)
    return made


@pytest.fixture
def held(store: Failing) -> ClickHouseSink:
    return holding(store)


def holding(store: Failing, **settings: float) -> ClickHouseSink:
    made = ClickHouseSink(Settings(clickhouse=settings), clock=lambda: store.now)
    made.write(records(reading(measured(1.0)), first=5))
    return made


@pytest.mark.parametrize(("share", "rest"), [(1.0, 5.0), (0.5, 10.0), (0.2, 25.0), (0.1, 50.0)])
def test_the_store_spends_the_share_of_time_on_rollups_that_is_set(store: Failing, share: float, rest: float) -> None:
    sink, store.takes_s = holding(store, rollup_share=share), 5.0
    with pytest.raises(Transient):
        sink.settle()
    store.now += rest - 0.01
    sink.settle()
    assert store.asked == 1

    store.now, store.takes_s = store.now + 0.02, 0.0
    sink.settle()
    assert store.asked == 4


@pytest.mark.parametrize(("takes_s", "rest"), [(0.1, 3.0), (5.0, 25.0), (60.0, 60.0)])
def test_after_a_fault_recomputing_rests_as_after_as_much_work_but_a_minute_at_most(
    store: Failing, held: ClickHouseSink, takes_s: float, rest: float
) -> None:
    store.takes_s = takes_s
    with pytest.raises(Transient):
        held.settle()
    store.now += rest - 0.01
    held.settle()
    assert (store.asked, held.hold("readings", 0)) == (1, 5)

    store.now, store.takes_s = store.now + 0.02, 0.0
    held.settle()
    assert (store.asked, held.hold("readings", 0)) == (4, None)


def test_statements_go_in_slices_and_a_fault_does_not_undo_those_before_it(
    store: Failing, held: ClickHouseSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "SLICE_S", -1.0)
    held.settle()
    held.settle()
    store.takes_s = 1.0
    with pytest.raises(Transient):
        held.settle()
    store.now, store.takes_s = store.now + 60, 0.0
    held.settle()

    assert (store.asked, held.hold("readings", 0)) == (4, None)
