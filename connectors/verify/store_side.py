"""The store's side of the comparison: what a person who asks ClickHouse would see."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from connectors.verify.expected import Contents, Fold, Name, Newest, Point, PointKey
from connectors.verify.scope import WHOLE, Scope
from streams.core.records import DeadLetter
from streams.core.times import SECOND
from streams.settings import ClickHouseSettings

OF_DEVICE = "series_id IN (SELECT series_id FROM series WHERE device = {device:String})"
POINTS = """
SELECT series_id, toUnixTimestamp64Nano(ts), value, text, logical_uid, version, quality FROM points FINAL WHERE
"""
WITHDRAWN = """
SELECT series_id, toUnixTimestamp64Nano(ts) AS ns, max(version) AS newest
FROM points
WHERE (series_id, ts) IN (SELECT series_id, ts FROM points WHERE is_deleted = 1)
GROUP BY series_id, ns
HAVING argMax(is_deleted, version) = 1
"""
LETTERS_BEFORE = """
SELECT stage, reason, raw_partition, raw_offset, index, any(device), max(toUnixTimestamp64Nano(at)) AS newest
FROM dead_letters GROUP BY stage, reason, raw_partition, raw_offset, index HAVING newest < {time:Int64}
"""
LETTERS = "SELECT DISTINCT stage, reason, raw_partition, raw_offset, index FROM dead_letters FINAL WHERE"
AGGREGATES = """
SELECT series_id, window_s, toUnixTimestamp64Second(start), count, sum, min, max, first, last, median
FROM aggregates FINAL WHERE window_s IN {windows:Array(UInt32)} AND
"""
LATEST = """
SELECT series_id, toUnixTimestamp64Nano(ts), value, text, logical_uid, version, quality FROM latest FINAL WHERE
"""
NAMES = "SELECT series_id, device, name FROM series FINAL WHERE"


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


def read(settings: ClickHouseSettings, windows: tuple[int, ...], scope: Scope = WHOLE) -> Contents:
    """The tables' contents in ``scope``; ``windows``: lengths in seconds.

    What is derived from points is read before them, and names, which are written before their points, after them.
    """
    client, found = connect(settings), Contents()
    if scope.compares_latest:
        rows = _rows(client, LATEST, *scope.conditions("ts", OF_DEVICE))
        found.latest = {series: Newest(time, _point(*row)) for series, time, *row in rows}
    condition, given = scope.conditions("start", OF_DEVICE)
    for series, window, start, *values in _rows(client, AGGREGATES, condition, {**given, "windows": list(windows)}):
        if scope.takes_window(start * SECOND, window):
            found.aggregates[series, window, start * SECOND] = Fold(*values)
    letters = scope.conditions("at", "device = {device:String}", stage="stage != 'avro'")
    found.dead_letters = Counter({tuple(row): 1 for row in _rows(client, LETTERS, *letters)})
    for series, time, *row in _rows(client, POINTS, *scope.conditions("ts", OF_DEVICE)):
        found.points[series, time] = _point(*row)
    named = _rows(client, NAMES, *Scope(device=scope.device).conditions("", "device = {device:String}"))
    found.names = {series: Name(device, name) for series, device, name in named}
    client.close()
    return found


def letters_before(settings: ClickHouseSettings, time: int) -> list[DeadLetter]:
    """Dead letters that were written before ``time`` (ns) only, without their details."""
    client = connect(settings)
    rows = client.query(LETTERS_BEFORE, parameters={"time": time}).result_rows
    client.close()
    names = ("stage", "reason", "raw_partition", "raw_offset", "index", "device", "at")
    return [DeadLetter(detail="", **dict(zip(names, row, strict=True))) for row in rows]


def _point(value: float | None, text: str, uid: int, version: int, quality: int) -> Point:
    """A row has no text where it has a number; one that has both is shown so."""
    return Point(value, text if value is None else text or None, uid or None, version, quality)


def _rows(client: Client, select: str, condition: str, given: Mapping[str, Any]) -> Sequence[Any]:
    return client.query(f"{select} {condition}", parameters=dict(given)).result_rows


def withdrawn(settings: ClickHouseSettings) -> dict[PointKey, int]:
    """Keys whose highest row is a tombstone, and its version."""
    client = connect(settings)
    found = {(series, time): version for series, time, version in client.query(WITHDRAWN).result_rows}
    client.close()
    return found
