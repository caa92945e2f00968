"""Readings as columns of points."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from streams.core.identity import row_version, series_id
from streams.core.records import Block, Measurement, Reading
from streams.rows import FIRST_TIME, LAST_TIME, Name, points

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

    assert [r.reason for r in points([(4, reading(blocks=(block,)))]).refused] == ["time-out-of-range"]


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
