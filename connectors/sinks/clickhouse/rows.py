"""Readings and aggregates -> columns for the store. Pure; written for speed: the loops run once per point."""

from array import array
from collections.abc import Iterable, Sequence
from math import isfinite
from sys import byteorder
from typing import Any

from msgspec import Struct, field

from connectors.sinks.base import Rejection
from connectors.sinks.clickhouse.table import Table
from streams.core.identity import GENERATION_BITS, row_version, series_id
from streams.core.records import Aggregate, Block, Measurement, Reading, Repair

FIRST_TIME, LAST_TIME = 315_532_800_000_000_000, 7_258_118_400_000_000_000
"""1980-01-01 and 2200-01-01: times outside are faults of clocks, and ClickHouse would bend them silently"""
UID_LIMIT, QUALITY_LIMIT, LABEL_BITS = 1 << 32, 1 << 8, 46
SECOND = 1_000_000_000

POINTS = Table(
    "points",
    {
        "series_id": "UInt64",
        "ts": "DateTime64(9, 'UTC')",
        "value": "Nullable(Float64)",
        "text": "String",
        "quality": "UInt8",
        "logical_uid": "UInt32",
        "version": "UInt64",
    },
)
AGGREGATES = Table(
    "aggregates",
    {
        "series_id": "UInt64",
        "window_s": "UInt32",
        "start": "DateTime64(0, 'UTC')",
        "count": "UInt64",
        "sum": "Float64",
        "min": "Float64",
        "max": "Float64",
        "first": "Float64",
        "last": "Float64",
        "median": "Float64",
        "version": "UInt64",
    },
)

Fault = tuple[str, str]
"""(reason, detail)"""


class Name(Struct, frozen=True):
    """What a series is called, by the reading of row version ``version`` (row of table ``series``)."""

    device: str
    name: str
    unit: str
    source: str
    first_seen: int
    version: int


class Points(Struct):
    """Columns of ``POINTS``, the names of the series in them, and what cannot be stored."""

    series_id: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    logical_uid: list[int] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    names: dict[int, Name] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)

    def columns(self) -> list[Sequence[Any]]:
        """In the order of ``POINTS``."""
        return [self.series_id, self.ts, self.value, self.text, self.quality, self.logical_uid, self.version]

    def __len__(self) -> int:
        return len(self.series_id)


def points(readings: Iterable[tuple[int, Reading]]) -> Points:
    """The points of readings, each with its index in the batch.

    A measurement that cannot be stored rejects its reading, by name; the reading's other measurements are kept.
    """
    made = Points()
    for index, reading in readings:
        faults = _add(made, reading)
        if faults:
            made.rejections.append(Rejection(index, faults[0][0], "; ".join(detail for _, detail in faults)))
    return made


def window_version(generation: int, label: int) -> int:
    """Generation and label in 18 + 46 bits: the highest version of an aggregate is the right one.

    Raises:
        OverflowError: a part does not fit.
    """
    if generation >> GENERATION_BITS or label >> LABEL_BITS:
        raise OverflowError(f"generation {generation} or label {label} is out of range")
    return generation << LABEL_BITS | label


def aggregate_row(record: Aggregate) -> tuple[Any, ...]:
    """An aggregate in the order of ``AGGREGATES``."""
    return (
        series_id(record.device, record.name),
        record.window,
        record.start // SECOND,
        record.count,
        record.sum,
        record.min,
        record.max,
        record.first,
        record.last,
        record.median,
        window_version(record.generation, record.label),
    )


def aggregate_fault(record: Repair) -> Fault | None:
    """Why an aggregate or a repair can never be stored."""
    if record.window <= 0 or record.start % (record.window * SECOND):
        return "not-a-window", f"{record.name}: {record.window} s from {record.start} ns"
    if not FIRST_TIME <= record.start < LAST_TIME:
        return "time-out-of-range", f"{record.name}: {record.start} ns is not between 1980 and 2200"
    if record.generation >> GENERATION_BITS or record.label >> LABEL_BITS:
        return "lineage-out-of-range", f"generation {record.generation}, label {record.label}"
    return None


def _add(made: Points, reading: Reading) -> list[Fault]:
    try:
        version = row_version(reading.generation, reading.raw_partition, reading.raw_offset)
    except OverflowError as error:
        return [("lineage-out-of-range", str(error))]
    faults: list[Fault] = []
    for m in reading.measurements:
        fault = _fault(m)
        if fault:
            faults.append(fault)
            continue
        series = series_id(reading.device, m.name)
        made.series_id.append(series)
        made.ts.append(m.time)
        made.value.append(m.value)
        made.text.append(m.text or "")
        made.quality.append(m.quality)
        made.logical_uid.append(m.logical_uid or 0)
        made.version.append(version)
        _name(made, series, reading, m, version)
    for block in reading.blocks:
        faults += _add_block(made, reading, block, version)
    return faults


def _add_block(made: Points, reading: Reading, block: Block, version: int) -> list[Fault]:
    """A block's values as rows; what is no finite number is left out, as in `normalise`."""
    values = _floats(block.values)
    end = block.start + max(len(values) - 1, 0) * block.period
    for time in (block.start, end):
        fault = _fault(Measurement(block.name, block.unit, time, 0.0, None, block.quality, block.logical_uid))
        if fault:
            return [fault]
    kept = [(block.start + i * block.period, value) for i, value in enumerate(values) if isfinite(value)]
    series = series_id(reading.device, block.name)
    made.series_id += [series] * len(kept)
    made.ts += [time for time, _ in kept]
    made.value += [value for _, value in kept]
    made.text += [""] * len(kept)
    made.quality += [block.quality] * len(kept)
    made.logical_uid += [block.logical_uid or 0] * len(kept)
    made.version += [version] * len(kept)
    if kept:
        _name(made, series, reading, block, version)
    return []


def _floats(data: bytes) -> "array[float]":
    values = array("d", data[: len(data) // 8 * 8])
    if byteorder == "big":
        values.byteswap()
    return values


def _fault(m: Measurement) -> Fault | None:
    if not FIRST_TIME <= m.time < LAST_TIME:
        return "time-out-of-range", f"{m.name}: {m.time} ns is not between 1980 and 2200"
    if m.value is not None and not isfinite(m.value):
        return "not-finite", f"{m.name}: {m.value}"
    if not 0 <= m.quality < QUALITY_LIMIT or not 0 <= (m.logical_uid or 0) < UID_LIMIT:
        return "out-of-range", f"{m.name}: quality {m.quality}, logical_uid {m.logical_uid}"
    return None


def _name(made: Points, series: int, reading: Reading, m: Measurement | Block, version: int) -> None:
    known = made.names.get(series)
    if known is None or version > known.version:
        first_seen = reading.received_at if known is None else min(known.first_seen, reading.received_at)
        made.names[series] = Name(reading.device, m.name, m.unit, reading.source, first_seen, version)
