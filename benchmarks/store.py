"""Bytes per point in the store: the shipped table, after merge, lineage and version included.

2,000 series, one point a minute, decimal values on a random walk of 0.1 steps. Devices report at a phase of their own, up
to two seconds late, so that raw offsets are as uneven as in life. `python -m benchmarks.store` prints the figures.
"""

import uuid
from string import Template

from msgspec import Struct

import sql
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from streams import settings
from streams.settings import ClickHouseSettings

SERIES = 2000
ARRIVALS = Template("""
CREATE TABLE arrivals ENGINE = MergeTree ORDER BY (device, minute) AS
SELECT device, minute, rowNumberInAllBlocks() AS place
FROM
(
    SELECT intDiv(number, $devices) AS minute, number % $devices AS device
    FROM numbers(toUInt64($devices) * $minutes)
    ORDER BY minute * 60 + cityHash64(device) % 60000 / 1000 + cityHash64(minute, device) % 2000 / 1000
)
""")
POINTS = Template("""
INSERT INTO points (series_id, ts, value, text, quality, logical_uid, version)
SELECT
    xxHash64(concat('json:', toString(device), char(31), toString(m))),
    toDateTime64('2026-11-01 00:00:00', 9, 'UTC') + toIntervalSecond(60 * minute) + toIntervalMillisecond($jitter_ms),
    round(20 + 10 * m + sum((toInt8(cityHash64(minute, device, m, 7) % 3) - 1) / 10)
        OVER (PARTITION BY device, m ORDER BY minute), 1),
    '',
    0,
    device + 1,
    bitOr(bitShiftLeft(toUInt64(1), 46), bitShiftLeft(intDiv(place, 4), 8)) + device % 4
FROM arrivals ARRAY JOIN range($per_record) AS m
SETTINGS max_partitions_per_insert_block = 0
""")


class Size(Struct, frozen=True):
    """What a table of points took on disk."""

    points: int
    bytes_per_point: float
    columns: dict[str, float]
    """column -> bytes per point"""


def measure(target: ClickHouseSettings, *, per_record: int, jitter: bool = False, points: int = 2_000_000) -> Size:
    """Fill a database of its own with records of ``per_record`` measurements, merge, measure, drop it."""
    own = target.model_copy(update={"database": "bench_" + uuid.uuid4().hex[:8]})
    migrate(own)
    store = Store(own, "benchmark")
    try:
        devices = SERIES // per_record
        store.command(ARRIVALS.substitute(devices=devices, minutes=points // SERIES))
        jitter_ms = "cityHash64(minute, device, 5) % 800" if jitter else "0"
        store.command(POINTS.substitute(per_record=per_record, jitter_ms=jitter_ms))
        store.command("OPTIMIZE TABLE points FINAL")
        return _size(store)
    finally:
        store.command(f"DROP DATABASE `{own.database}`")
        store.close()


def _size(store: Store) -> Size:
    columns = {column: per_point for column, _, per_point in store.rows(sql.query("bytes_per_point"))}
    question = "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'points' AND database = currentDatabase()"
    rows, on_disk = store.rows(question)[0]
    return Size(rows, round(on_disk / rows, 4), columns)


def main() -> None:
    """Print the figures of the store that the settings name."""
    target = settings.load().clickhouse
    for per_record in (1, 4):
        for jitter in (False, True):
            size = measure(target, per_record=per_record, jitter=jitter)
            times = "0-800 ms jitter" if jitter else "aligned times"
            print(
                f"{per_record} per record, {times}: {size.bytes_per_point:.3f} B/point of {size.points:,}", size.columns
            )


if __name__ == "__main__":
    main()
