"""The tables that points and aggregates go to, and aggregates as rows. Pure. Points as columns: ``streams/rows.py``."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from connectors.sinks.clickhouse.table import Table
from streams.core.identity import GENERATION_BITS, series_id
from streams.core.records import Aggregate, Repair
from streams.core.times import EARLIEST, LATEST, SECOND
from streams.rows import Fault, Run, run_columns

LABEL_BITS = 46

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
RUN_POINTS = Table(
    "points",
    {name: "Float64" if name == "value" else kind for name, kind in POINTS.columns.items() if name != "text"},
)
"""Points without texts: the client writes numbers that are never null as they lie in memory."""
RUN_ROWS = 500_000
"""in one insert, about: its memory is bounded"""
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


def run_rows(runs: Sequence[Run]) -> list[Any]:
    """The rows of runs in the order of ``RUN_POINTS``."""
    columns = run_columns(runs)
    # The client takes times from arrays of Python's, not of numpy's.
    return [*(array("q", c.astype(np.int64).tobytes()) if name == "ts" else c for name, c in columns.items())]


def portions(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    """Runs for one insert each: as many as make ``RUN_ROWS`` rows."""
    start = rows = 0
    for at, run in enumerate(runs):
        rows += len(run)
        if rows >= RUN_ROWS:
            yield runs[start : at + 1]
            start, rows = at + 1, 0
    if rows:
        yield runs[start:]


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
    if not EARLIEST <= record.start < LATEST:
        return "time-out-of-range", f"{record.name}: {record.start} ns is not between 1980 and 2200"
    if record.generation >> GENERATION_BITS or record.label >> LABEL_BITS:
        return "lineage-out-of-range", f"generation {record.generation}, label {record.label}"
    return None
