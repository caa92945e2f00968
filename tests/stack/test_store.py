"""Points in the store, on the real engine."""

import random
from collections.abc import Iterator
from itertools import permutations

import pytest

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.log_rows import LOGGED
from connectors.sinks.clickhouse.names import SERIES
from connectors.sinks.clickhouse.replay.latest import LATEST
from connectors.sinks.clickhouse.rows import AGGREGATES, POINTS, RUN_POINTS
from connectors.sinks.clickhouse.sink import ClickHouseSink
from connectors.sinks.clickhouse.store import COLUMNS
from connectors.sinks.clickhouse.table import unfit
from streams.core.identity import row_version, series_id, version_parts
from streams.core.records import Block, Lineage
from streams.core.times import SECOND
from streams.settings import Settings
from tests.stack.harness import Stack
from tests.stack.store import DEVICE, NOON, Bench, measured, reading, records

MONTH_END = 1_793_491_200 * SECOND
"""2026-11-01 00:00 UTC"""


@pytest.fixture(scope="module")
def tables(stack: Stack) -> Iterator[Bench]:
    made = Bench(stack.clickhouse)
    yield made
    made.close()


@pytest.fixture
def bench(tables: Bench) -> Bench:
    return tables.emptied()


def test_writing_the_same_batch_twice_stores_it_once(bench: Bench) -> None:
    batch = records(
        reading(measured(1.5), measured("on", name="state")), reading(measured(2.5, NOON + SECOND), offset=1)
    )

    assert [*bench.sink.write(batch), *bench.sink.write(batch)] == []

    assert bench.points() == [(NOON, 1.5, "", 1, 0, 0), (NOON + SECOND, 2.5, "", 1, 0, 1)]
    assert bench.points("state") == [(NOON, None, "on", 1, 0, 0)]


def test_an_empty_batch_is_nothing(bench: Bench) -> None:
    assert list(bench.sink.write([])) == []
    bench.settle()
    assert bench.rows("SELECT count() FROM points") == [(0,)]


def test_the_highest_generation_then_the_highest_lineage_wins_in_any_order(bench: Bench) -> None:
    rivals = [
        reading(measured(1.0), generation=1, offset=9, partition=3),
        reading(measured(2.0), generation=2, offset=4, partition=0),
        reading(measured(3.0), generation=2, offset=5, partition=0),
        reading(measured(4.0), generation=2, offset=5, partition=1),
    ]
    for order in permutations(range(len(rivals))):
        bench.store.command("TRUNCATE TABLE points")
        for i in order:
            bench.sink.write(records(rivals[i]))
        assert bench.points() == [(NOON, 4.0, "", 2, 1, 5)]


def test_a_tombstone_hides_a_point_until_a_higher_version_comes(bench: Bench) -> None:
    bench.sink.write(records(reading(measured(1.0), generation=1)))
    bench.store.command(
        f"INSERT INTO points (series_id, ts, version, is_deleted) SELECT series_id, ts, {row_version(2, 0, 0)}, 1 FROM points"
    )
    bench.sink.write(records(reading(measured(1.0), generation=1)))
    hidden = bench.points()
    bench.sink.write(records(reading(measured(9.0), generation=3)))

    assert hidden == []
    assert bench.points() == [(NOON, 9.0, "", 3, 0, 0)]


def test_a_table_that_somebody_altered_holds_rows_up_and_buries_none(bench: Bench) -> None:
    batch = records(reading(measured(1.0), measured("on", NOON, "state")))
    bench.store.command("ALTER TABLE points MODIFY COLUMN text Float64")
    try:
        with pytest.raises(Transient, match="column text of table points is Float64, not String: alter it back"):
            bench.sink.write(batch)
    finally:
        bench.store.command("ALTER TABLE points MODIFY COLUMN text String")

    assert list(bench.sink.write(batch)) == []
    assert bench.points("state") == [(NOON, None, "on", 1, 0, 0)]


def test_a_view_of_somebody_that_cannot_take_rows_holds_them_up_and_buries_none(bench: Bench) -> None:
    batch = records(reading(measured("on", NOON, "state")))
    bench.store.command(
        "CREATE MATERIALIZED VIEW numbers ENGINE = MergeTree ORDER BY n AS SELECT toFloat64(text) AS n FROM points"
    )
    try:
        with pytest.raises(Transient, match="view numbers that points fills refuses rows"):
            bench.sink.write(batch)
    finally:
        bench.store.command("DROP TABLE numbers")

    assert list(bench.sink.write(batch)) == []


def test_every_table_is_as_its_rows_expect_it(bench: Bench) -> None:
    """Else a row at fault would be taken for a table at fault, and hold up those behind it."""
    tables = [POINTS, RUN_POINTS, LATEST, AGGREGATES, SERIES, *(logged.table for logged in LOGGED.values())]
    for table in tables:
        assert unfit(table, dict(bench.rows(COLUMNS.replace("{table:String}", f"'{table.name}'")))) is None


def test_months_meet_in_one_batch_and_nanoseconds_survive(bench: Bench) -> None:
    times = [MONTH_END - 1, MONTH_END, MONTH_END + 1, 315_532_800 * SECOND, 7_258_118_399_999_999_999]

    assert not bench.sink.write(records(reading(*(measured(float(i), time) for i, time in enumerate(times)))))

    assert sorted(time for time, *_ in bench.points()) == sorted(times)
    months = bench.rows(
        "SELECT DISTINCT toInt64(partition) FROM system.parts WHERE active AND table = 'points' AND database = currentDatabase() ORDER BY 1"
    )
    assert months == [(198001,), (202610,), (202611,), (219912,)]


def test_times_outside_1980_to_2200_are_rejected_and_their_neighbours_kept(bench: Bench) -> None:
    good, late = measured(1.0), measured(2.0, 7_258_118_400 * SECOND, name="late")

    (rejection,) = bench.sink.write(records(reading(good), reading(measured(3.0, NOON + 1), late, offset=1)))

    assert (rejection.index, rejection.reason) == (1, "time-out-of-range")
    assert rejection.detail.startswith("late: ")
    assert [value for _, value, *_ in bench.points()] == [1.0, 3.0]


def test_bytes_that_are_no_reading_are_rejected_and_their_neighbours_kept(bench: Bench) -> None:
    batch = records(reading(measured(1.0)), reading(measured(2.0, NOON + 1), offset=1))
    broken = [
        *batch[:1],
        type(batch[0])("readings", 0, 1, b"k", b"nonsense", NOON),
        type(batch[0])("readings", 0, 2, b"k", None, NOON),
        type(batch[0])("readings", 0, 3, b"k", (batch[0].value or b"")[:-9], NOON),
        *batch[1:],
    ]

    rejected = {r.index: r.reason for r in bench.sink.write(broken)}

    assert rejected == {1: "not-avro", 2: "no-value", 3: "broken-body"}
    assert [value for _, value, *_ in bench.points()] == [1.0, 2.0]


def test_a_block_becomes_rows(bench: Bench) -> None:
    values = bytes.fromhex("000000000000f03f 0000000000000040 000000000000f87f 0000000000000840".replace(" ", ""))
    block = Block(name="t", unit="g", start=NOON, period=40_000, values=values)

    bench.sink.write(records(reading(blocks=[block])))

    assert bench.points() == [
        (NOON, 1.0, "", 1, 0, 0),
        (NOON + 40_000, 2.0, "", 1, 0, 0),
        (NOON + 120_000, 3.0, "", 1, 0, 0),
    ]


def test_series_ids_and_versions_are_the_same_in_sql_and_python(bench: Bench) -> None:
    rng = random.Random(3)
    names = ["t", "", "Größe", "温度", "a\x1fb", "x" * 300]
    for name in names:
        asked = "SELECT xxHash64(concat({device:String}, char(31), {name:String}))"
        assert bench.store.rows(asked, {"device": DEVICE, "name": name})[0][0] == series_id(DEVICE, name)
    for _ in range(20):
        partition, offset, generation = rng.randrange(256), rng.randrange(1 << 38), rng.randrange(1 << 18)
        version = row_version(generation, partition, offset)
        bench.store.command("TRUNCATE TABLE points")
        bench.store.command(f"INSERT INTO points (series_id, ts, version) VALUES (1, '2026-11-02', {version})")
        assert bench.rows("SELECT generation, raw_partition, raw_offset FROM points") == [
            (generation, partition, offset)
        ]
        assert version_parts(version) == (generation, Lineage(partition, offset))


def test_a_series_keeps_its_first_receipt_and_takes_its_newest_unit(bench: Bench) -> None:
    bench.sink.write(records(reading(measured(1.0), offset=5)))
    other = ClickHouseSink(bench.settings)
    kelvin = reading(type(measured(1.0))("t", "K", NOON + SECOND, 274.0, None), offset=6)
    other.write(records(kelvin))
    other.write(records(reading(measured(1.0), offset=5)))
    other.close()

    assert bench.rows("SELECT device, name, unit, source, first_seen FROM series FINAL") == [
        (DEVICE, "t", "K", "json", NOON)
    ]


def test_a_store_that_is_away_or_empty_is_transient_and_says_what_to_do(stack: Stack) -> None:
    away, empty = (
        Settings(clickhouse={"url": url, "database": "none"}) for url in ("http://127.0.0.1:9", stack.clickhouse)
    )

    with pytest.raises(Transient, match="refused"):
        ClickHouseSink(away).write(records(reading(measured(1.0))))
    with pytest.raises(Transient, match="isthmus migrate"):
        ClickHouseSink(empty).write(records(reading(measured(1.0))))
