"""Aggregates as rows."""

import pytest

from connectors.sinks.clickhouse.rows import aggregate_fault, aggregate_row, window_version
from streams.core.identity import series_id
from streams.core.records import Aggregate, Repair

NOON = 1_793_620_800_000_000_000


def test_an_aggregate_is_ordered_by_generation_then_label() -> None:
    order = [
        window_version(1, 0),
        window_version(1, (1 << 46) - 1),
        window_version(2, 0),
        window_version((1 << 18) - 1, 0),
    ]

    assert order == sorted(order)
    assert order[-1] < 1 << 64


@pytest.mark.parametrize(("window", "start", "label", "reason"), [
    (60, NOON, 5, None),
    (60, NOON + 1, 5, "not-a-window"),
    (0, NOON, 5, "not-a-window"),
    (60, -60_000_000_000, 5, "time-out-of-range"),
    (60, NOON, 1 << 46, "lineage-out-of-range"),
    (60, NOON, -1, "lineage-out-of-range"),
])  # fmt: skip
def test_windows_that_cannot_be_stored_are_named(window: int, start: int, label: int, reason: str | None) -> None:
    repair = Repair(device="d", name="t", unit="", window=window, start=start, label=label, generation=1)

    fault = aggregate_fault(repair)

    assert (fault and fault[0]) == reason


def test_an_aggregate_becomes_a_row() -> None:
    record = Aggregate(
        device="d", name="t", unit="", window=60, start=NOON, label=5, generation=2, covered=True,
        count=2, sum=3.0, min=1.0, max=2.0, first=2.0, last=1.0, median=1.5,
    )  # fmt: skip

    assert aggregate_row(record) == (
        series_id("d", "t"), 60, NOON // 10**9, 2, 3.0, 1.0, 2.0, 2.0, 1.0, 1.5, 2 << 46 | 5,
    )  # fmt: skip
