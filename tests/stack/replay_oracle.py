"""What a store must hold before, after and without a replay: plain Python over the pure core, none of the replay's code.

The model keeps for each (series, time) the row of the highest version, tombstones too: that is all that FINAL looks at.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from statistics import median
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from connectors.sinks.clickhouse.store import Store
from streams.core.decode import Context, decode
from streams.core.identity import row_version, series_id, version_parts
from streams.core.place import place
from streams.core.records import DeviceMapping, Lineage
from streams.core.times import SECOND
from tests.stack.replay_world import Standing

Key = tuple[int, int]
"""(series id, time)"""
Window = tuple[int, int, int]
"""(series id, length in s, start in s)"""
Place = tuple[int, int]
"""(raw partition, raw offset)"""
Letter = tuple[Place, str, str]
"""of a dead letter: its raw record, stage, reason"""


class Row(Struct, frozen=True):
    """A row of `points`; ``gone``: a tombstone."""

    value: float | None
    text: str
    quality: int
    uid: int
    version: int
    gone: bool = False

    @property
    def content(self) -> tuple[Any, ...]:
        return self.value, self.text, self.quality, self.uid

    @property
    def place(self) -> Place:
        _, lineage = version_parts(self.version)
        return lineage.partition, lineage.offset

    def at(self, generation: int) -> "Row":
        """The same row, of another generation."""
        partition, offset = self.place
        return replace(self, version=row_version(generation, partition, offset))


Rows = dict[Key, Row]


class Difference(Struct):
    """What a replay would do, key by key. ``changed``: (before, after). ``removed``: the row before."""

    added: Rows = field(default_factory=dict)
    removed: Rows = field(default_factory=dict)
    changed: dict[Key, tuple[Row, Row]] = field(default_factory=dict)
    same: set[Key] = field(default_factory=set)
    shielded: set[Key] = field(default_factory=set)

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in ("added", "removed", "changed", "same")}


class Told(NamedTuple):
    """One key of a difference, as a person reads it; a value that is not there is ""."""

    kind: str
    device: str
    name: str
    time: int
    before: float | str
    after: float | str


class Model:
    """The table `points`, and what the series in it are called."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.undos: set[int] = set()
        """generations of undos"""
        self.names: dict[int, tuple[str, str]] = {}

    @property
    def visible(self) -> Rows:
        return {key: row for key, row in self.rows.items() if not row.gone}

    def put(self, rows: Iterable[tuple[Key, Row]]) -> None:
        """As an insert: the higher version of a key stays."""
        for key, row in rows:
            if key not in self.rows or row.version >= self.rows[key].version:
                self.rows[key] = row

    def decoded(
        self, records: Iterable[Standing], context: Context, generation: Callable[[int, int], int] = lambda *_: 1
    ) -> list[tuple[Key, Row]]:
        """The rows of raw records, in their order; ``generation`` is asked with partition and offset."""
        return [row for standing in records for row in self._rows(standing, context, generation)]

    def difference(self, staged: Iterable[tuple[Key, Row]], covered: Collection[Place]) -> Difference:
        """Staged rows (several of one key: the highest version) against what stands now."""
        made, now, wanted = Difference(), self.visible, _highest(staged)
        for key, new in wanted.items():
            old = now.get(key)
            if old is None:
                made.added[key] = new
            elif old.content == new.content:
                made.same.add(key)
            elif old.place not in covered and not _earlier(old.place, new.place):
                made.shielded.add(key)
            else:
                made.changed[key] = old, new
        made.removed = {key: old for key, old in now.items() if old.place in covered and key not in wanted}
        return made

    def told(self, difference: Difference) -> set[Told]:
        """The difference in words."""
        return {
            *(self._told("added", key, None, new) for key, new in difference.added.items()),
            *(self._told("removed", key, old, None) for key, old in difference.removed.items()),
            *(self._told("changed", key, old, new) for key, (old, new) in difference.changed.items()),
        }

    def misplaced(self, mapping: Mapping[str, DeviceMapping]) -> dict[Key, tuple[Row, Row]]:
        """Rows of mapped devices that stand at another logical device than their time says, and as they should be."""
        found = {}
        for key, row in self.visible.items():
            device, _ = self.names[key[0]]
            uid = place(mapping[device], key[1]) or 0 if device in mapping else row.uid
            if uid != row.uid:
                found[key] = row, replace(row, uid=uid)
        return found

    def apply(self, difference: Difference, generation: int) -> Rows:
        """Write the difference at a generation; returns what was written."""
        written = {key: row.at(generation) for key, row in difference.added.items()}
        written |= {key: new.at(generation) for key, (_, new) in difference.changed.items()}
        written |= {key: replace(old.at(generation), gone=True) for key, old in difference.removed.items()}
        self.put(written.items())
        return written

    def undo(self, difference: Difference, written: Rows, generation: int) -> None:
        """Take back what still stands."""
        before = difference.removed | {key: old for key, (old, _) in difference.changed.items()}
        self.undos.add(generation)
        for key, row in written.items():
            if self.stands(key, row):
                back = before[key] if key in before else replace(row, gone=True)
                self.rows[key] = back.at(generation)

    def stands(self, key: Key, row: Row) -> bool:
        """Whether a row that a replay wrote still stands, be it that a later replay's undo has put it back."""
        now = self.rows[key]
        back = version_parts(now.version)[0] in self.undos and now.gone == row.gone
        return now == row or (back and (row.gone or now.at(0) == row.at(0)))

    def lies_above(self, written: Rows, other: Rows) -> bool:
        """Whether what ``other`` wrote stands where this was written."""
        return any(self.stands(key, row) for key, row in other.items() if key in written)

    def by_device(self, difference: Difference) -> dict[str, dict[str, int]]:
        """The counts of each device."""
        found: dict[str, dict[str, int]] = {}
        for kind in difference.counts:
            for series, _ in getattr(difference, kind):
                found.setdefault(self.names[series][0], dict.fromkeys(difference.counts, 0))[kind] += 1
        return found

    def _told(self, kind: str, key: Key, old: Row | None, new: Row | None) -> Told:
        before, after = ("" if row is None else row.text if row.value is None else row.value for row in (old, new))
        return Told(kind, *self.names[key[0]], key[1], before, after)

    def _rows(
        self, standing: Standing, context: Context, generation: Callable[[int, int], int]
    ) -> Iterable[tuple[Key, Row]]:
        if standing.raw is None:
            return
        partition, offset = standing.partition, standing.offset
        version = row_version(generation(partition, offset), partition, offset)
        for reading in decode(standing.raw, Lineage(partition, offset), 0, context).readings:
            for m in reading.measurements:
                series = series_id(reading.device, m.name)
                self.names[series] = reading.device, m.name
                yield (series, m.time), Row(m.value, m.text or "", m.quality, m.logical_uid or 0, version)


def letters(records: Iterable[Standing], context: Context) -> list[Letter]:
    """The dead letters of raw records."""
    return [
        ((s.partition, s.offset), letter.stage, letter.reason)
        for s in records
        if s.raw is not None
        for letter in decode(s.raw, Lineage(s.partition, s.offset), 0, context).dead_letters
    ]


class Contents(Struct):
    """What a person who asks the store sees."""

    points: Rows
    aggregates: dict[Window, tuple[float, ...]]
    latest: dict[int, tuple[int, Row]]


def expected(model: Model, windows: Iterable[int]) -> Contents:
    """Aggregates of the visible rows in windows of these seconds, and the newest of each series."""
    points = model.visible
    latest: dict[int, tuple[int, Row]] = {}
    for (series, time), row in points.items():
        if series not in latest or time > latest[series][0]:
            latest[series] = time, row
    return Contents(points, _aggregates(points, windows), latest)


def found(store: Store) -> Contents:
    """The store's side."""
    columns = "value, text, quality, logical_uid, version"
    points = store.rows(f"SELECT series_id, ts, {columns} FROM points FINAL")
    latest = store.rows(f"SELECT series_id, ts, {columns} FROM latest FINAL")
    aggregates = store.rows(
        "SELECT series_id, window_s, toUnixTimestamp64Second(start), count, sum, min, max, first, last, median "
        "FROM aggregates FINAL"
    )
    return Contents(
        {(series, time): Row(*row) for series, time, *row in points},
        {(series, window, start): tuple(row) for series, window, start, *row in aggregates},
        {series: (time, Row(*row)) for series, time, *row in latest},
    )


def differences(want: Contents, have: Contents, *, but: str = "") -> list[str]:
    """In words, with examples; empty when both are the same. ``but``: "generations" or "lineage" may differ."""
    want, have = (_without(but, contents) if but else contents for contents in (want, have))
    return [
        *_tables("points", want.points, have.points),
        *_tables("aggregates", want.aggregates, have.aggregates, _close),
        *_tables("latest", want.latest, have.latest),
    ]


def _tables(
    name: str,
    want: Mapping[Any, Any],
    have: Mapping[Any, Any],
    same: Callable[[Any, Any], bool] = lambda a, b: bool(a == b),
) -> list[str]:
    missing = [f"{name}: missing {key}: {want[key]}" for key in want if key not in have]
    extra = [f"{name}: extra {key}: {have[key]}" for key in have if key not in want]
    wrong = [
        f"{name}: {key}: {want[key]} expected, {have[key]} found"
        for key in want
        if key in have and not same(want[key], have[key])
    ]
    counts = f"{name}: {len(missing)} missing, {len(extra)} extra, {len(wrong)} wrong of {len(want)}"
    return [counts, *missing[:3], *extra[:3], *wrong[:3]] if missing or extra or wrong else []


def _aggregates(points: Rows, windows: Iterable[int]) -> dict[Window, tuple[float, ...]]:
    groups: dict[Window, list[tuple[int, float]]] = defaultdict(list)
    for (series, time), row in points.items():
        if row.value is not None:
            for window in windows:
                groups[series, window, time // SECOND // window * window].append((time, row.value))
    return {key: _figures([value for _, value in sorted(group)]) for key, group in groups.items()}


def _figures(values: list[float]) -> tuple[float, ...]:
    return len(values), math.fsum(values), min(values), max(values), values[0], values[-1], median(values)


def _close(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(one, other, strict=True))


def _without(what: str, contents: Contents) -> Contents:
    def bare(row: Row) -> Row:
        return row.at(0) if what == "generations" else replace(row, version=0)

    points = {key: bare(row) for key, row in contents.points.items()}
    latest = {series: (time, bare(row)) for series, (time, row) in contents.latest.items()}
    return Contents(points, contents.aggregates, latest)


def _highest(rows: Iterable[tuple[Key, Row]]) -> Rows:
    found: Rows = {}
    for key, row in rows:
        if key not in found or row.version >= found[key].version:
            found[key] = row
    return found


def _earlier(one: Place, other: Place) -> bool:
    """Earlier in the same partition; of two partitions neither is."""
    return one[0] == other[0] and one[1] < other[1]
