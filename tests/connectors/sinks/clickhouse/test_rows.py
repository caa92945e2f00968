"""Readings and aggregates as columns."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.clickhouse.rows import (
    FIRST_TIME,
    LAST_TIME,
    Name,
    aggregate_fault,
    aggregate_row,
    points,
    window_version,
)
from streams.core.identity import row_version, series_id
from streams.core.records import Aggregate, Block, Measurement, Reading, Repair

NOON = 1_793_620_800_000_000_000

measurements = st.builds(
    Measurement,
    name=st.text(max_size=5),
    unit=st.sampled_from(["", "C"]),
    time=st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(FIRST_TIME, LAST_TIME - 1),
    value=st.none() | st.floats(),
    text=st.none() | st.text(max_size=5),
    quality=st.integers(-1, 256),
    logical_uid=st.none() | st.integers(-1, 1 << 32),
)


def reading(
    *measurements: Measurement, offset: int = 3, blocks: tuple[Block, ...] = (), received_at: int = NOON
) -> Reading:
    return Reading(
        id="",
        device="json:probe",
        source="json",
        correlation_id="",
        received_at=received_at,
        time=NOON,
        raw_partition=2,
        raw_offset=offset,
        index=0,
        generation=1,
        decoder="",
        codec=None,
        mapping_position=-1,
        physical_uid=None,
        source_ids={},
        measurements=list(measurements),
        blocks=list(blocks),
    )


def test_a_reading_becomes_one_row_per_measurement() -> None:
    made = points(
        [(0, reading(Measurement("t", "C", NOON, 1.5, None, 4, 7), Measurement("s", "", NOON + 1, None, "on")))]
    )

    assert made.columns() == [
        [series_id("json:probe", "t"), series_id("json:probe", "s")],
        [NOON, NOON + 1],
        [1.5, None],
        ["", "on"],
        [4, 0],
        [7, 0],
        [row_version(1, 2, 3)] * 2,
    ]
    assert made.rejections == []


@given(st.lists(measurements, max_size=6))
def test_columns_are_equally_long_and_every_measurement_is_stored_or_named_in_a_rejection(
    some: list[Measurement],
) -> None:
    made = points([(5, reading(*some))])

    assert {len(column) for column in made.columns()} == {len(made)}
    refused = len(made.rejections[0].detail.split("; ")) if made.rejections else 0
    assert len(made) + refused >= len(some) >= len(made)
    assert all(rejection.index == 5 for rejection in made.rejections)
    assert bool(made.rejections) == (len(made) < len(some))


@given(st.lists(measurements, max_size=6))
def test_every_stored_value_fits_its_column(some: list[Measurement]) -> None:
    made = points([(0, reading(*some))])

    assert all(FIRST_TIME <= ts < LAST_TIME for ts in made.ts)
    assert all(0 <= quality < 256 for quality in made.quality)
    assert all(0 <= uid < 1 << 32 for uid in made.logical_uid)
    assert all(value is None or abs(value) < float("inf") for value in made.value)


@given(st.integers(1, 30), st.integers(1, 10**9))
def test_a_block_becomes_a_row_per_value(count: int, period: int) -> None:
    values = [float(i) for i in range(count)]
    block = Block(
        name="x", unit="g", start=NOON, period=period, values=struct.pack(f"<{count}d", *values), logical_uid=9
    )

    made = points([(0, reading(blocks=(block,)))])

    assert made.ts == [NOON + i * period for i in range(count)]
    assert made.value == values
    assert set(made.logical_uid) == {9}


def test_what_is_no_number_in_a_block_is_left_out() -> None:
    block = Block(name="x", unit="", start=NOON, period=10, values=struct.pack("<3d", 1.0, float("nan"), 3.0))

    made = points([(0, reading(blocks=(block,)))])

    assert list(zip(made.ts, made.value, strict=True)) == [(NOON, 1.0), (NOON + 20, 3.0)]


def test_a_block_that_ends_after_2200_is_rejected() -> None:
    block = Block(name="x", unit="", start=LAST_TIME - 10, period=10, values=struct.pack("<2d", 1.0, 2.0))

    assert [r.reason for r in points([(4, reading(blocks=(block,)))]).rejections] == ["time-out-of-range"]


def test_lineage_that_does_not_fit_rejects_the_reading() -> None:
    made = points([(1, reading(Measurement("t", "", NOON, 1.0, None), offset=1 << 38))])

    assert [(r.index, r.reason) for r in made.rejections] == [(1, "lineage-out-of-range")]
    assert len(made) == 0


def test_a_name_comes_from_the_highest_version_and_the_earliest_receipt() -> None:
    older = reading(Measurement("t", "C", NOON, 1.0, None), offset=3, received_at=NOON + 9)
    newer = reading(Measurement("t", "K", NOON, 1.0, None), offset=4, received_at=NOON + 5)

    for order in ([older, newer], [newer, older]):
        names = points(enumerate(order)).names
        assert names == {
            series_id("json:probe", "t"): Name("json:probe", "t", "K", "json", NOON + 5, row_version(1, 2, 4))
        }


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
