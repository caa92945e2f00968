"""What the store's tests share: a migrated database, readings in few words, and records as a runner would offer them."""

import uuid
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from connectors.sinks.base import Record
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.sink import ClickHouseSink
from connectors.sinks.clickhouse.store import Store
from streams import avro
from streams.core.identity import series_id
from streams.core.records import Aggregate, Block, Measurement, Reading, Repair
from streams.core.times import SECOND
from streams.settings import Settings

NOON = 1_793_620_800 * SECOND
"""2026-11-02 12:00 UTC"""
DEVICE = "json:probe"
SERIES = series_id(DEVICE, "t")


class Bench:
    """One sink over one database, fed by hand."""

    def __init__(self, url: str) -> None:
        self.settings = Settings(clickhouse={"url": url, "database": "t" + uuid.uuid4().hex[:10]})
        migrate(self.settings.clickhouse)
        self.now = 0.0
        self.store = Store(self.settings.clickhouse, "test")
        self.sink = self.restarted()

    def restarted(self) -> ClickHouseSink:
        """A sink that knows nothing."""
        self.sink = ClickHouseSink(self.settings, clock=lambda: self.now)
        return self.sink

    def emptied(self) -> "Bench":
        """The same tables without rows, and a new sink."""
        for table in ("points", "series", "latest", "aggregates"):
            self.store.command(f"TRUNCATE TABLE {table}")
        self.restarted()
        return self

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.store.rows(question)]

    def points(self, name: str = "t") -> list[tuple[Any, ...]]:
        """(ns, value, text, generation, raw partition, raw offset) of a series."""
        return self.rows(
            "SELECT ts, value, text, generation, raw_partition, raw_offset FROM points FINAL "
            f"WHERE series_id = {series_id(DEVICE, name)} ORDER BY ts"
        )

    def aggregates(self, window: int) -> list[tuple[Any, ...]]:
        """(start in s, count, sum, min, max, first, last, median, label) of windows of the length."""
        return self.rows(
            "SELECT toUnixTimestamp64Second(start), count, sum, min, max, first, last, median, label FROM aggregates FINAL "
            f"WHERE window_s = {window} ORDER BY start"
        )

    def settle(self) -> None:
        """Let the interval pass, and settle."""
        self.now += 60
        self.sink.settle()

    def close(self) -> None:
        self.sink.close()
        self.store.command(f"DROP DATABASE IF EXISTS `{self.settings.clickhouse.database}`")
        self.store.close()


def measured(value: float | str, time: int = NOON, name: str = "t", logical_uid: int | None = None) -> Measurement:
    number, text = (None, value) if isinstance(value, str) else (value, None)
    return Measurement(name, "C", time, number, text, 0, logical_uid)


def reading(
    *measurements: Measurement,
    offset: int = 0,
    partition: int = 0,
    generation: int = 1,
    device: str = DEVICE,
    blocks: Sequence[Block] = (),
) -> Reading:
    return Reading(
        id="",
        device=device,
        source="json",
        correlation_id="",
        received_at=NOON,
        time=NOON,
        raw_partition=partition,
        raw_offset=offset,
        index=0,
        generation=generation,
        decoder="json@1",
        codec=None,
        mapping_position=-1,
        physical_uid=None,
        source_ids={},
        measurements=list(measurements),
        blocks=list(blocks),
    )


def aggregate(mean: float, *, label: int, generation: int = 1, covered: bool = True, start: int = NOON) -> Aggregate:
    return Aggregate(
        device=DEVICE,
        name="t",
        unit="C",
        window=60,
        start=start,
        label=label,
        generation=generation,
        covered=covered,
        count=1,
        sum=mean,
        min=mean,
        max=mean,
        first=mean,
        last=mean,
        median=mean,
    )


def repair(*, label: int, window: int = 60, start: int = NOON, generation: int = 1) -> Repair:
    return Repair(device=DEVICE, name="t", unit="C", window=window, start=start, label=label, generation=generation)


def records(*values: Struct, topic: str = "", first: int = 0, partition: int = 0) -> list[Record]:
    """Records as consumed: readings in `readings`, aggregates and repairs in `aggregates`, unless ``topic`` is named."""
    return [
        Record(
            topic=topic or ("readings" if isinstance(value, Reading) else "aggregates"),
            partition=partition,
            offset=first + i,
            key=b"key",
            value=avro.encode(value),
            timestamp=NOON,
        )
        for i, value in enumerate(values)
    ]
