"""The tables that points and aggregates go to, and aggregates as rows. Pure. Points as columns: ``streams/rows.py``."""

from typing import Any

from connectors.sinks.clickhouse.table import Table
from streams.core.identity import GENERATION_BITS, series_id
from streams.core.records import Aggregate, Repair
from streams.rows import FIRST_TIME, LAST_TIME, Fault

LABEL_BITS = 46
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
