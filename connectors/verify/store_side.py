"""The store's side of the comparison: what a person who asks ClickHouse would see."""

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from connectors.verify.expected import Contents, Fold, Point, PointKey
from streams.settings import ClickHouseSettings

POINTS = """
SELECT series_id, toUnixTimestamp64Nano(ts), value, text, logical_uid, version FROM points FINAL
"""
WITHDRAWN = """
SELECT series_id, toUnixTimestamp64Nano(ts) AS ns, max(version) AS newest
FROM points
WHERE (series_id, ts) IN (SELECT series_id, ts FROM points WHERE is_deleted = 1)
GROUP BY series_id, ns
HAVING argMax(is_deleted, version) = 1
"""
LETTERS = "SELECT DISTINCT stage, reason, raw_partition, raw_offset, index FROM dead_letters FINAL"
AGGREGATES = """
SELECT series_id, window_s, toUnixTimestamp64Second(start), count, sum, min, max, first, last, median
FROM aggregates FINAL WHERE window_s IN {windows:Array(UInt32)}
"""
LATEST = "SELECT series_id, toUnixTimestamp64Nano(ts) FROM latest FINAL"
SECOND = 1_000_000_000


def connect(settings: ClickHouseSettings) -> Client:
    """A client of the store.

    Raises:
        clickhouse_connect.driver.exceptions.Error: it does not answer.
    """
    return clickhouse_connect.get_client(
        dsn=settings.url,
        database=settings.database,
        username=settings.user,
        password=settings.password.get_secret_value(),
        autogenerate_session_id=False,
    )


def read(settings: ClickHouseSettings, windows: tuple[int, ...]) -> Contents:
    """The tables' contents; ``windows``: lengths in seconds of the base windows."""
    client, found = connect(settings), Contents()
    for series, time, value, text, logical_uid, version in client.query(POINTS).result_rows:
        found.points[series, time] = Point(value, text if value is None else None, logical_uid or None, version)
    for row in client.query(LETTERS).result_rows:
        found.dead_letters[row[0], row[1], row[2], row[3], row[4]] = 1
    for series, window, start, *values in client.query(AGGREGATES, parameters={"windows": list(windows)}).result_rows:
        found.aggregates[series, window, start * SECOND] = Fold(*values)
    found.latest = {series: time for series, time in client.query(LATEST).result_rows}  # noqa: C416 - rows are untyped sequences
    client.close()
    return found


def withdrawn(settings: ClickHouseSettings) -> dict[PointKey, int]:
    """Keys whose highest row is a tombstone, and its version."""
    client = connect(settings)
    found = {(series, time): version for series, time, version in client.query(WITHDRAWN).result_rows}
    client.close()
    return found
