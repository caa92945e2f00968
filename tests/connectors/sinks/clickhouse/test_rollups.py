"""What is held while windows are recomputed in steps."""

from typing import Any, cast

import numpy as np
import pytest

from connectors.sinks.clickhouse.rollups import HOUR_NS, Rollups
from connectors.sinks.clickhouse.store import Store
from streams.rows import Points, Run


class Statements:
    """Counts the statements that a store would get."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def command(self, statement: str) -> None:
        self.sent.append(statement)


def touched(rollups: Rollups, partition: int, offset: int, hour: int = 500_000) -> None:
    rollups.touch(partition, offset, Points(series_id=[1], ts=[hour * HOUR_NS]))


def test_a_run_touches_the_hours_of_its_points_and_the_newest_of_them(store: Statements) -> None:
    times = np.array([500_000 * HOUR_NS, 500_002 * HOUR_NS + 5])
    rollups = Rollups()
    rollups.touch(0, 7, Points(runs=[Run(1, times, np.array([1.0, 2.0]), 0, 0, 9)]))

    settle(rollups, store, {0: 8})

    assert f"(1, {500_002 * HOUR_NS + 5})" in store.sent[0]
    assert "(1, 500000, 7), (1, 500002, 7)" in store.sent[1]


@pytest.fixture
def store() -> Statements:
    return Statements()


def settle(rollups: Rollups, store: Statements, positions: dict[int, int], *, enough: bool = False) -> None:
    rollups.settle(cast(Store, cast(Any, store)), positions, lambda: enough)


def test_a_round_is_three_steps_and_holds_until_the_last(store: Statements) -> None:
    rollups = Rollups()
    touched(rollups, 0, 7)

    held = []
    for _ in range(3):
        settle(rollups, store, {0: 9}, enough=True)
        held.append((len(store.sent), rollups.hold(0), rollups.busy))

    assert held == [(1, 7, True), (2, 7, True), (3, None, False)]


def test_what_is_touched_during_a_round_is_the_next_rounds(store: Statements) -> None:
    rollups = Rollups()
    touched(rollups, 0, 7)
    settle(rollups, store, {0: 9}, enough=True)
    touched(rollups, 0, 9)

    settle(rollups, store, {0: 12})

    assert (rollups.hold(0), rollups.busy, len(store.sent)) == (9, False, 3)


def test_a_lost_partition_ends_the_round_and_the_others_begin_anew(store: Statements) -> None:
    rollups = Rollups()
    touched(rollups, 0, 7)
    touched(rollups, 1, 3)
    settle(rollups, store, {0: 9, 1: 5}, enough=True)
    touched(rollups, 1, 5)

    rollups.forget([0])

    assert (rollups.hold(0), rollups.hold(1), rollups.busy) == (None, 3, False)
    settle(rollups, store, {1: 8})
    assert (rollups.hold(1), len(store.sent)) == (None, 4)
