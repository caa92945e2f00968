"""What the store holds of a raw record: its points by key and by version, their windows, latest values, dead letters."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from connectors.sinks.clickhouse.store import Store
from connectors.trace.found import Latest, Row, StoredPoint, Window
from streams.core.block import points
from streams.core.identity import OFFSET_BITS, PARTITION_BITS, series_id, version_parts
from streams.core.records import Lineage, Reading
from streams.core.times import EARLIEST, LATEST, SECOND

PORTION = 2_000
"""keys in one question, which stays below ClickHouse's limit for a statement"""
COLUMNS = "series_id, toUnixTimestamp64Nano(ts), value, text, quality, logical_uid, version, is_deleted"

Key = tuple[int, int]
"""(series id, time)"""


def keys_of(readings: Iterable[Reading]) -> dict[Key, tuple[str, str]]:
    """(series id, time) -> device and name of the readings' points."""
    return {
        (series_id(r.device, m.name), m.time): (r.device, m.name)
        for r in readings
        for m in chain(r.measurements, *map(points, r.blocks))
    }


def rows_at(store: Store, keys: Collection[Key]) -> list[Row]:
    """Every row at these keys, masked ones and tombstones too.

    Raises:
        Transient: the store is away (all functions here).
    """
    return [row for portion in _portions(keys) for row in _rows(store, f"(series_id, ts) IN ({_timed(portion)})")]


def rows_of(store: Store, lineage: Lineage, devices: Collection[str], span: tuple[int, int]) -> list[Row]:
    """Every row of the raw record with a time in ``span``, of these devices when any are named."""
    packed = lineage.offset << PARTITION_BITS | lineage.partition
    mask = (1 << OFFSET_BITS + PARTITION_BITS) - 1
    first, last = (min(max(t, EARLIEST), LATEST) for t in span)
    where = (
        f"ts >= fromUnixTimestamp64Nano(toInt64({first})) AND ts <= fromUnixTimestamp64Nano(toInt64({last})) "
        f"AND bitAnd(version, {mask}) = {packed}"
    )
    if not devices:
        return _rows(store, where)
    among = "series_id IN (SELECT series_id FROM series WHERE device IN {devices:Array(String)})"
    return _rows(store, f"{among} AND {where}", {"devices": sorted(devices)})


def names(store: Store, series: Collection[int]) -> dict[int, tuple[str, str]]:
    """Series id -> device and name."""
    if not series:
        return {}
    wanted = ", ".join(map(str, sorted(series)))
    question = f"SELECT series_id, device, name FROM series FINAL WHERE series_id IN ({wanted})"  # noqa: S608 - numbers only
    return {row[0]: (row[1], row[2]) for row in store.rows(question)}


def judged(
    lineage: Lineage, expected: Mapping[Key, object], rows: Sequence[Row], called: Mapping[int, tuple[str, str]],
    replays: Mapping[int, int],
) -> list[StoredPoint]:  # fmt: skip
    """The points that the record has or had a say in; ``replays``: generation -> the replay that opened it."""
    by_key: dict[Key, list[Row]] = {key: [] for key in expected}
    for row in rows:
        by_key.setdefault((row.series_id, row.time), []).append(row)
    return [
        _judged(lineage, key, found, called.get(key[0], ("?", f"series {key[0]}")), replays, expected=key in expected)
        for key, found in sorted(by_key.items(), key=lambda item: item[0][::-1])
    ]


def windows(store: Store, points: Sequence[StoredPoint], lengths: Collection[int]) -> list[Window]:
    """The aggregates that the points are in, of these lengths in seconds; those that do not exist with count 0."""
    wanted = {
        (length, series_id(p.device, p.name), p.time // SECOND // length * length): (p.device, p.name)
        for p in points
        for length in lengths
    }
    found: dict[tuple[int, int, int], Sequence[Any]] = {}
    for portion in _portions(wanted):
        keys = ", ".join(f"({length}, {series}, toDateTime64({start}, 0, 'UTC'))" for length, series, start in portion)
        question = (
            "SELECT window_s, series_id, toUnixTimestamp64Second(start), count, mean, generation "  # noqa: S608 - numbers only
            f"FROM aggregates FINAL WHERE (window_s, series_id, start) IN ({keys})"
        )
        found |= {(row[0], row[1], row[2]): row[3:] for row in store.rows(question)}
    return [_window(key, name, found.get(key, (0, None, 0))) for key, name in sorted(wanted.items())]


def latest(store: Store, points: Sequence[StoredPoint], lineage: Lineage) -> list[Latest]:
    """The latest values of the points' series."""
    series = {series_id(p.device, p.name): (p.device, p.name) for p in points}
    if not series:
        return []
    wanted = ", ".join(map(str, sorted(series)))
    question = f"SELECT series_id, ts, version FROM latest FINAL WHERE series_id IN ({wanted}) ORDER BY ALL"  # noqa: S608 - numbers only
    return [
        Latest(device=series[s][0], name=series[s][1], time=ts, is_ours=version_parts(version)[1] == lineage)
        for s, ts, version in store.rows(question)
    ]


def _judged(
    lineage: Lineage, key: Key, rows: list[Row], called: tuple[str, str], replays: Mapping[int, int], *, expected: bool
) -> StoredPoint:
    newest = max(rows, key=_order, default=None)
    own = [row for row in rows if (row.raw_partition, row.raw_offset) == (lineage.partition, lineage.offset)]
    verdict, why = _verdict(lineage, newest, replays)
    return StoredPoint(
        device=called[0], name=called[1], time=key[1], expected=expected, verdict=verdict, why=why,
        shown=newest if newest and not newest.deleted else None, own=sorted(own, key=_order),
    )  # fmt: skip


def _verdict(lineage: Lineage, newest: Row | None, replays: Mapping[int, int]) -> tuple[str, str]:
    if newest is None:
        return "missing", "the store has no row of it"
    replay = replays.get(newest.generation)
    by = f"generation {newest.generation}" + (f", replay {replay}" if replay is not None else "")
    if newest.deleted:
        return "withdrawn", by
    if (newest.raw_partition, newest.raw_offset) == (lineage.partition, lineage.offset):
        return "current", by
    return "masked", f"by raw {newest.raw_partition}:{newest.raw_offset}, {by}"


def _order(row: Row) -> tuple[int, int, int]:
    return row.generation, row.raw_offset, row.raw_partition


def _window(key: tuple[int, int, int], name: tuple[str, str], found: Sequence[Any]) -> Window:
    count, mean, generation = found
    return Window(
        device=name[0], name=name[1], window_s=key[0], start=key[2] * SECOND, count=count,
        mean=mean if count else None, generation=generation,
    )  # fmt: skip


def _rows(store: Store, where: str, parameters: dict[str, Any] | None = None) -> list[Row]:
    found = store.rows(f"SELECT {COLUMNS} FROM points WHERE {where} ORDER BY ALL", parameters)  # noqa: S608 - see callers
    return [_row(row) for row in found]


def _row(row: Sequence[Any]) -> Row:
    series, time, value, text, quality, logical_uid, version, deleted = row
    generation, lineage = version_parts(version)
    return Row(
        series_id=series, time=time, value=value, text=text, quality=quality, logical_uid=logical_uid,
        generation=generation, raw_partition=lineage.partition, raw_offset=lineage.offset, deleted=bool(deleted),
    )  # fmt: skip


def _timed(keys: Iterable[Key]) -> str:
    return ", ".join(f"({series}, fromUnixTimestamp64Nano(toInt64({time})))" for series, time in keys)


def _portions(keys: Collection[Any]) -> Iterable[list[Any]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), PORTION):
        yield ordered[start : start + PORTION]
