"""Rows of a store and of a replay over them, made by a seed, and a plain dictionary that says what must come out."""

from collections.abc import Collection
from random import Random
from statistics import median
from typing import Any, NamedTuple

from connectors.sinks.clickhouse.rows import POINTS
from connectors.sinks.clickhouse.store import Store
from streams.core.identity import row_version, series_id, version_parts
from streams.core.times import SECOND
from streams.replay.store import SeriesName, Staged
from tests.stack.harness import eventually

MONTH_END = 1_793_491_200 * SECOND
"""2026-11-01 00:00 UTC"""
NAMES = [(f"json:{device}", name) for device in ("a", "b", "c") for name in ("t", "h", "state")]
TIMES = [MONTH_END + minutes * 60 * SECOND + 5 for minutes in (-50_000, -1500, -61, -60, -59, -1, 0, 1, 59, 61, 1500)]
LENGTHS = (60, 3600, 86_400)

Key = tuple[int, int]
Record = tuple[int, int]
"""(raw partition, raw offset)"""


class Row(NamedTuple):
    """What stands at a key; ``gone``: a tombstone."""

    value: float | None
    text: str
    quality: int
    uid: int
    version: int
    gone: bool = False

    @property
    def content(self) -> tuple[Any, ...]:
        return self[:4]

    @property
    def record(self) -> Record:
        _, lineage = version_parts(self.version)
        return lineage.partition, lineage.offset

    def at(self, generation: int) -> "Row":
        return self._replace(version=row_version(generation, *self.record))


Rows = dict[Key, Row]


class Table:
    """`points`: of each key the highest version."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def put(self, key: Key, row: Row) -> None:
        if key not in self.rows or row.version >= self.rows[key].version:
            self.rows[key] = row

    @property
    def final(self) -> Rows:
        return {key: row for key, row in self.rows.items() if not row.gone}


class Expected(NamedTuple):
    """Keys by kind, and what has to be written."""

    kinds: dict[str, set[Key]]
    delta: Rows

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        added, removed, changed, same, shielded = (
            len(self.kinds[kind]) for kind in ("added", "removed", "changed", "same", "shielded")
        )
        return added, removed, changed, same, shielded


def difference(table: Table, staged: Rows, covered: set[Record], generation: int) -> Expected:
    """The rules of a replay, one key after the other."""
    kinds: dict[str, set[Key]] = {kind: set() for kind in ("added", "removed", "changed", "same", "shielded")}
    delta: Rows = {}
    for key, new in staged.items():
        old = table.final.get(key)
        if old is None:
            kind = "added"
        elif old.content == new.content:
            kind = "same"
        elif old.record in covered or (old.record[0] == new.record[0] and old.record[1] <= new.record[1]):
            kind = "changed"
        else:
            kind = "shielded"
        kinds[kind].add(key)
        if kind in ("added", "changed"):
            delta[key] = new.at(generation)
    for key, old in table.final.items():
        if key not in staged and old.record in covered:
            kinds["removed"].add(key)
            delta[key] = old.at(generation)._replace(gone=True)
    return Expected(kinds, delta)


def stands(now: Row, row: Row, undos: Collection[int]) -> bool:
    """Whether a row of a delta still stands, be it that the undo of a later correction has put it back."""
    generation, _ = version_parts(now.version)
    same = row.gone or (now.content, now.record) == (row.content, row.record)
    return now == row or (generation in undos and now.gone == row.gone and same)


def undo(table: Table, before: Rows, delta: Rows, generation: int, undos: Collection[int] = ()) -> Rows:
    """What is written to take a delta back, where it still stands."""
    return {
        key: before[key].at(generation) if key in before else row.at(generation)._replace(gone=True)
        for key, row in delta.items()
        if stands(table.rows[key], row, undos)
    }


class World:
    """Raw records with the points that the store has of them, and those that decoding gives now."""

    def __init__(self, seed: int, records: int = 60) -> None:
        self.random = Random(seed)
        self.stored: dict[Record, dict[Key, Row]] = {}
        for offset in range(records):
            record = self.random.randrange(2), offset
            keys = {self._key() for _ in range(self.random.randrange(4))}
            self.stored[record] = {key: self._row(1 + offset // 20, record) for key in keys}
        self.decode_anew()

    def decode_anew(self) -> None:
        """Other code, and other records of which it is asked."""
        self.covered = {record for record in self.stored if self.random.random() < 0.6}
        self.decoded = {record: self._again(self.stored[record]) for record in self.covered}

    def table(self) -> Table:
        made = Table()
        for rows in self.stored.values():
            for key, row in rows.items():
                made.put(key, row)
        return made

    @property
    def staged(self) -> Rows:
        made = Table()
        for rows in self.decoded.values():
            for key, row in rows.items():
                made.put(key, row)
        return made.rows

    def batches(self, count: int) -> list[tuple[Staged, dict[int, int]]]:
        """The staging, in so many batches."""
        records = sorted(self.covered, key=lambda record: record[1])
        made = []
        for part in range(count):
            mine = records[part * len(records) // count : (part + 1) * len(records) // count]
            made.append((self._batch(mine), {p: max((o + 1 for q, o in mine if q == p), default=0) for p in (0, 1)}))
        return made

    def live(self, generation: int, keys: list[Key]) -> Rows:
        """Rows that come in later, some at ``keys``."""
        chosen = [*self.random.sample(keys, min(len(keys), 5)), self._key()]
        return {key: self._row(generation, (self.random.randrange(2), 1000 + i)) for i, key in enumerate(chosen)}

    def _batch(self, records: list[Record]) -> Staged:
        batch = Staged(records=len(records), readings=len(records))
        for partition, offset in records:
            batch.selected.add(partition, offset)
            for (series, ts), row in self.decoded[partition, offset].items():
                cells = (series, ts, *row.content, row.version, "lpp@1")
                columns = ("series_id", "ts", "value", "text", "quality", "logical_uid", "version", "codec")
                for column, cell in zip(columns, cells, strict=True):
                    getattr(batch, column).append(cell)
                device, name = next(names for names in NAMES if series_id(*names) == series)
                batch.names[series] = SeriesName(device, name, "K", "json", MONTH_END, partition, offset)
        return batch

    def _key(self) -> Key:
        return series_id(*self.random.choice(NAMES)), self.random.choice(TIMES)

    def _row(self, generation: int, record: Record) -> Row:
        version = row_version(generation, *record)
        uid = self.random.choice((0, 7))
        if self.random.random() < 0.2:
            return Row(None, self.random.choice(("on", "off")), 0, uid, version)
        return Row(self.random.randrange(-40, 40) / 8, "", self.random.choice((0, 1)), uid, version)

    def _again(self, rows: Rows) -> Rows:
        """As a changed decoder might give them: the same, none, another value, place, time or name."""
        made = {}
        for key, row in rows.items():
            what = self.random.choice(("same", "same", "same", "none", "value", "uid", "key"))
            if what != "none":
                moved = self._key() if what == "key" else key
                value = (
                    row.value * self.random.choice((2, 3)) + 1
                    if what == "value" and row.value is not None
                    else row.value
                )
                made[moved] = row._replace(value=value, uid=9 if what == "uid" else row.uid)
        if self.random.random() < 0.2:
            made[self._key()] = (
                Row(100.5, "", 0, 0, next(iter(rows.values())).version)
                if rows
                else Row(100.5, "", 0, 0, row_version(1, 0, 0))
            )
        return made


def put(store: Store, rows: Rows) -> None:
    """Insert into `points`."""
    for gone in (False, True):
        chosen = [(*key, *row.content, row.version, int(gone)) for key, row in rows.items() if row.gone == gone]
        types = POINTS.columns | {"is_deleted": "UInt8"}
        store.insert(POINTS._replace(columns=types), [list(column) for column in zip(*chosen, strict=True)] or [[]])


def final(store: Store) -> Rows:
    """What people see in `points`."""
    question = "SELECT series_id, ts, value, text, quality, logical_uid, version FROM points FINAL"
    return {(series, ts): Row(*row) for series, ts, *row in store.rows(question)}


def aggregates(store: Store) -> dict[Any, Any]:
    """(series, length, start in s) -> count, sum, min, max, first, last, median."""
    figures = "count, sum, min, max, first, last, median"
    question = f"SELECT series_id, window_s, toUnixTimestamp64Second(start), {figures} FROM aggregates FINAL"
    return {tuple(row[:3]): tuple(row[3:]) for row in store.rows(question)}


def aggregated(rows: Rows) -> dict[Any, Any]:
    """What `aggregates` must be; values are such that sums are exact."""
    values: dict[Any, list[float]] = {}
    for (series, ts), row in sorted(rows.items()):
        for length in LENGTHS if row.value is not None else ():
            start = ts // SECOND // length * length
            values.setdefault((series, length, start), []).append(row.value or 0.0)
    return {
        key: (len(found), sum(found), min(found), max(found), found[0], found[-1], median(found))
        for key, found in values.items()
    }


def latest(store: Store) -> dict[int, tuple[Any, ...]]:
    """Series -> its row in `latest`."""
    question = "SELECT series_id, ts, value, text, quality, logical_uid, version FROM latest FINAL"
    return {row[0]: tuple(row[1:]) for row in store.rows(question)}


def newest(rows: Rows) -> dict[int, tuple[Any, ...]]:
    """What `latest` must be."""
    return {series: (ts, *row[:5]) for (series, ts), row in sorted(rows.items(), key=lambda item: item[0][1])}


def reached(polls: list[int], count: int) -> None:
    """Wait until a reader has looked so often."""
    eventually(lambda: polls[0] >= count, timeout=60)
