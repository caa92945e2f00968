"""Readings as columns of points."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.core.block import made as made_block
from streams.core.identity import row_version, series_id
from streams.core.records import Block, Measurement, Reading
from streams.core.times import EARLIEST, LATEST
from streams.rows import Name, Points, points, run_columns

NOON = 1_793_620_800_000_000_000

measurements = st.builds(
    Measurement,
    name=st.text(max_size=5),
    unit=st.sampled_from(["", "C"]),
    time=st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(EARLIEST, LATEST - 1),
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
    assert made.refused == []


@given(st.lists(measurements, max_size=6))
def test_columns_are_equally_long_and_every_measurement_is_stored_or_named_in_a_refusal(
    some: list[Measurement],
) -> None:
    made = points([(5, reading(*some))])

    assert {len(column) for column in made.columns()} == {len(made)}
    refused = len(made.refused[0].detail.split("; ")) if made.refused else 0
    assert len(made) + refused >= len(some) >= len(made)
    assert all(refusal.index == 5 for refusal in made.refused)
    assert bool(made.refused) == (len(made) < len(some))


@given(st.lists(measurements, max_size=6))
def test_every_stored_value_fits_its_column(some: list[Measurement]) -> None:
    made = points([(0, reading(*some))])

    assert all(EARLIEST <= ts < LATEST for ts in made.ts)
    assert all(0 <= quality < 256 for quality in made.quality)
    assert all(0 <= uid < 1 << 32 for uid in made.logical_uid)
    assert all(value is None or abs(value) < float("inf") for value in made.value)


@given(st.integers(1, 30), st.integers(1, 10**9))
def test_a_block_becomes_a_row_per_value(count: int, period: int) -> None:
    values = [float(i) for i in range(count)]
    block = Block(
        name="x", unit="g", start=NOON, period=period, values=struct.pack(f"<{count}d", *values), logical_uid=9
    )

    (run,) = points([(0, reading(blocks=(block,)))]).runs

    assert run.ts.tolist() == [NOON + i * period for i in range(count)]
    assert run.value.tolist() == values
    assert run.logical_uid == 9


def test_what_is_no_number_in_a_block_is_left_out() -> None:
    block = Block(name="x", unit="", start=NOON, period=10, values=struct.pack("<3d", 1.0, float("nan"), 3.0))

    (run,) = points([(0, reading(blocks=(block,)))]).runs

    assert (run.ts.tolist(), run.value.tolist()) == ([NOON, NOON + 20], [1.0, 3.0])


def test_what_a_block_has_after_2200_is_rejected_and_the_rest_is_stored() -> None:
    block = Block(name="x", unit="", start=LATEST - 10, period=10, values=struct.pack("<2d", 1.0, 2.0))

    made = points([(4, reading(blocks=(block,)))])

    assert [(r.reason, r.detail) for r in made.refused] == [
        ("time-out-of-range", "x: 7258118400000000000 ns is not between 1980 and 2200")
    ]
    assert [run.ts.tolist() for run in made.runs] == [[LATEST - 10]]


def test_a_block_whose_columns_do_not_fit_is_rejected() -> None:
    offsets = struct.pack("<2q", 0, 0)
    block = Block(name="x", unit="", start=NOON, period=0, values=struct.pack("<2d", 1.0, 2.0), offsets=offsets)

    made = points([(4, reading(Measurement("t", "", NOON, 1.0, None), blocks=(block,)))])

    assert [(r.reason, r.detail) for r in made.refused] == [("bad-block", "block x: offsets that are not ascending")]
    assert (made.value, made.runs) == ([1.0], [])


offset_lists = st.lists(st.integers(-(10**12), 10**12) | st.just(LATEST - NOON), min_size=1, max_size=20, unique=True)


@given(offset_lists, st.data(), st.none() | st.integers(1, 9), st.integers(0, 8))
def test_a_block_gives_the_rows_of_its_measurements_one_by_one(
    offsets: list[int], data: st.DataObject, uid: int | None, quality: int
) -> None:
    times = sorted(NOON + offset for offset in offsets)
    values = [data.draw(st.floats()) for _ in times]
    block = made_block(np.array(times), np.array(values), name="x", unit="g", quality=quality, logical_uid=uid)
    singles = [
        Measurement("x", "g", time, value, None, quality, uid) for time, value in zip(times, values, strict=True)
    ]

    whole, single = points([(0, reading(blocks=(block,)))]), points([(0, reading(*singles))])

    assert rows_of(whole) == rows_of(single)
    assert whole.names == single.names
    outside = any(not EARLIEST <= time < LATEST for time in times)
    assert [r.reason for r in whole.refused] == ["time-out-of-range"] * outside


def rows_of(made: Points) -> list[tuple[object, ...]]:
    columns = run_columns(made.runs) if made.runs else {}
    from_runs = list(zip(*(c.tolist() for c in columns.values()), strict=True))
    plain = zip(made.series_id, made.ts, made.value, made.quality, made.logical_uid, made.version, strict=True)
    return [*plain, *from_runs]


def test_lineage_that_does_not_fit_rejects_the_reading() -> None:
    made = points([(1, reading(Measurement("t", "", NOON, 1.0, None), offset=1 << 38))])

    assert [(r.index, r.reason) for r in made.refused] == [(1, "lineage-out-of-range")]
    assert len(made) == 0


def test_a_name_comes_from_the_highest_version_and_the_earliest_receipt() -> None:
    older = reading(Measurement("t", "C", NOON, 1.0, None), offset=3, received_at=NOON + 9)
    newer = reading(Measurement("t", "K", NOON, 1.0, None), offset=4, received_at=NOON + 5)

    for order in ([older, newer], [newer, older]):
        names = points(enumerate(order)).names
        assert names == {
            series_id("json:probe", "t"): Name("json:probe", "t", "K", "json", NOON + 5, row_version(1, 2, 4))
        }
