"""Sink `clickhouse`: readings to points and names, aggregates to aggregates; what the store computes itself follows.

`readings` and `aggregates` are co-assigned by partition. Points are durable when ``write`` returns. Repairs, hourly and
daily windows and latest points follow within seconds, several batches at once; until then the offsets are held.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from connectors.sinks.base import Record, Rejection
from connectors.sinks.clickhouse.batch import Item, bisected, columns, decoded
from connectors.sinks.clickhouse.names import Names
from connectors.sinks.clickhouse.repairs import Repairs
from connectors.sinks.clickhouse.rollups import Rollups
from connectors.sinks.clickhouse.rows import (
    AGGREGATES,
    POINTS,
    RUN_POINTS,
    aggregate_fault,
    aggregate_row,
    portions,
    run_rows,
)
from connectors.sinks.clickhouse.store import TIMEOUT_S, Store
from streams import avro
from streams.core.records import Aggregate, Reading, Repair
from streams.rows import Points, points
from streams.settings import Settings

SETTLE_S = 3.0
SLICE_S = 0.25
"""after that much recomputing, waiting inserts come first"""
AFTER_FAULT_S = 60.0
"""the longest rest after a fault: the store may only have been away"""
ENDS = {"max_execution_time": TIMEOUT_S, "timeout_before_checking_execution_speed": 0}
"""The server ends what is not waited for any longer, by the clock and not by its own guess (the second setting): else
each retry of a long statement would run beside those before it."""
POINTS_PER_RECORD = 5
"""typical; a batch of ``batch_rows`` rows is this many times fewer records"""


class ClickHouseSink:
    """Implements ``connectors.sinks.base.Sink`` and ``Deferring``."""

    name = "clickhouse"
    topics: tuple[str, ...] = ("readings", "aggregates")

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.batch_records = max(1, settings.clickhouse.batch_rows // POINTS_PER_RECORD)
        self.batch_s = settings.clickhouse.batch_s
        self._share = settings.clickhouse.rollup_share
        self._store = Store(settings.clickhouse, self.name, options=ENDS)
        self._names, self._repairs, self._rollups = Names(self._store), Repairs(), Rollups()
        self._positions: dict[int, int] = {}
        self._clock, self._next_settle, self._settling_s = clock, 0.0, 0.0

    def write(self, batch: Sequence[Record]) -> Sequence[Rejection]:
        """Insert points and aggregates; note what has to be recomputed."""
        items, rejections = decoded(batch, _value)
        rejections += bisected([i for i in items if isinstance(i.value, Reading)], self._insert_readings)
        rejections += bisected([i for i in items if _is_exact(i.value)], self._insert_aggregates)
        for item in items:
            if isinstance(item.value, Repair) and not _is_exact(item.value):
                self._repairs.add(item.record.partition, item.record.offset, item.value)
        self._advance(batch)
        if self._rollups.full:
            self._recompute(float("inf"))
        return rejections

    def close(self) -> None:
        """Let the connection go."""
        self._store.close()

    def assigned(self, positions: Mapping[tuple[str, int], int]) -> None:
        """The readings before these positions are in the store."""
        self._positions |= {
            partition: offset for (topic, partition), offset in positions.items() if topic == "readings"
        }

    def revoked(self, partitions: Collection[tuple[str, int]]) -> None:
        """The next owner reads again what was held."""
        gone = {partition for _, partition in partitions}
        self._repairs.forget(gone)
        self._rollups.forget(gone)
        for partition in gone:
            self._positions.pop(partition, None)

    def hold(self, topic: str, partition: int) -> int | None:
        """The first reading, or repair, that is not recomputed yet."""
        return (self._rollups if topic == "readings" else self._repairs).hold(partition)

    def full(self, topic: str, partition: int) -> bool:
        """Too many repairs wait for readings that have not come yet."""
        return topic == "aggregates" and self._repairs.full(partition)

    def settle(self) -> None:
        """Recompute when it is time: every three seconds, less often when that takes long, in slices."""
        if self._clock() >= self._next_settle:
            self._recompute(SLICE_S)

    def _recompute(self, at_most_s: float) -> None:
        started, more, longest = self._clock(), False, AFTER_FAULT_S
        try:
            self._rollups.settle(self._store, self._positions, lambda: self._clock() - started > at_most_s)
            more = self._rollups.busy
            if not more:
                self._repairs.settle(self._store, self._positions)
            longest = math.inf
        finally:
            self._settling_s += self._clock() - started
            if not more:
                self._rest(longest)

    def _rest(self, longest_s: float) -> None:
        """After a fault, too: what the store could not do in a minute is not asked of it again at once."""
        self._next_settle = self._clock() + min(longest_s, max(SETTLE_S, self._settling_s / self._share))
        self._settling_s = 0.0

    def _insert_readings(self, items: Sequence[Item]) -> list[Rejection]:
        made = {partition: points(pairs) for partition, pairs in _readings_by_partition(items).items()}
        for one in made.values():
            self._names.write(one.names)
        self._store.insert(POINTS, _concatenated(made.values()))
        for runs in portions([run for one in made.values() for run in one.runs]):
            self._store.insert(RUN_POINTS, run_rows(runs))
        for partition, one in made.items():
            since = min(item.record.offset for item in items if item.record.partition == partition)
            self._rollups.touch(partition, since, one)
        return [Rejection(r.index, r.reason, r.detail) for one in made.values() for r in one.refused]

    def _insert_aggregates(self, items: Sequence[Item]) -> list[Rejection]:
        rows = [aggregate_row(item.value) for item in items if isinstance(item.value, Aggregate)]
        self._store.insert(AGGREGATES, columns(rows))
        return []

    def _advance(self, batch: Sequence[Record]) -> None:
        for record in batch:
            if record.topic == "readings":
                self._positions[record.partition] = max(self._positions.get(record.partition, 0), record.offset + 1)


def _value(record: Record) -> Struct:
    if record.value is None:
        raise avro.AvroError("no-value", "a deletion where none is expected")
    if record.topic == "readings":
        return avro.decode(record.value, Reading)
    value = avro.decode_any(record.value)
    if not isinstance(value, Repair):
        raise avro.AvroError("wrong-record", f"expected aggregate or repair, found {type(value).__name__}")
    fault = aggregate_fault(value)
    if fault:
        raise avro.AvroError(*fault)
    return value


def _is_exact(value: Struct | None) -> bool:
    """An aggregate whose writer had not folded every earlier point is a repair by another name."""
    return isinstance(value, Aggregate) and value.covered


def _readings_by_partition(items: Iterable[Item]) -> dict[int, list[tuple[int, Reading]]]:
    found: dict[int, list[tuple[int, Reading]]] = defaultdict(list)
    for item in items:
        if isinstance(item.value, Reading):
            found[item.record.partition].append((item.index, item.value))
    return found


def _concatenated(made: Iterable[Points]) -> list[list[object]]:
    parts = [one.columns() for one in made]
    return [[value for column in same for value in column] for same in zip(*parts, strict=True)]
