"""Repairs that wait, without a store."""

import pytest

from connectors.sinks.clickhouse import repairs
from connectors.sinks.clickhouse.repairs import Repairs
from streams.core.records import Repair
from streams.core.times import MINUTE


def repair(label: int, start: int = 0) -> Repair:
    return Repair(device="d", name="t", unit="", window=60, start=start, label=label, generation=1)


def test_the_lowest_offset_of_each_partition_is_held() -> None:
    waiting = Repairs()
    for partition, offset, start in ((0, 7, 0), (0, 5, MINUTE), (1, 9, 0), (0, 8, 0)):
        waiting.add(partition, offset, repair(3, start))

    assert [waiting.hold(partition) for partition in (0, 1, 2)] == [5, 9, None]


def test_partitions_given_away_are_forgotten() -> None:
    waiting = Repairs()
    waiting.add(0, 7, repair(3))
    waiting.add(1, 8, repair(3))

    waiting.forget([0])

    assert (waiting.hold(0), waiting.hold(1)) == (None, 8)


def test_a_partition_with_too_many_waiting_windows_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "LIMIT", 2)
    waiting = Repairs()
    for offset, start in enumerate((0, 0, 0, MINUTE, 2 * MINUTE)):
        assert not waiting.full(0)
        waiting.add(0, offset, repair(3, start))

    assert waiting.full(0)
    assert not waiting.full(1)
