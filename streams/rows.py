"""Readings -> columns of points, as every store of them has them. Pure; written for speed: the loops run once per point.

Blocks stay what they are, columns: a run of rows that differ in time and value only.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np
from msgspec import Struct, field

from streams.core import block as blocks
from streams.core.block import Times, Values
from streams.core.identity import row_version, series_id
from streams.core.records import Block, Measurement, Reading
from streams.core.times import EARLIEST, LATEST

UID_LIMIT, QUALITY_LIMIT = 1 << 32, 1 << 8

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


class Refused(Struct, frozen=True):
    """Something of the reading at ``index`` cannot be stored."""

    index: int
    reason: str
    detail: str


class Origin(Struct, frozen=True, gc=False):
    """What the points of one reading have in common: ``version`` is that of their rows, ``received_at`` in ns."""

    device: str
    source: str
    received_at: int
    version: int


class Run(Struct, frozen=True):
    """The rows of one block; finite numbers at ascending, distinct times, at least one."""

    series_id: int
    ts: Times
    value: Values
    quality: int
    logical_uid: int
    version: int

    def __len__(self) -> int:
        return len(self.ts)


class Points(Struct):
    """Columns of points, the names of the series in them, and what cannot be stored.

    ``text`` is "" and ``logical_uid`` 0 for none; ``ts`` is ns since the epoch, UTC. ``runs``: rows besides the columns.
    """

    series_id: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    logical_uid: list[int] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    names: dict[int, Name] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)

    def columns(self) -> list[Sequence[Any]]:
        """In the order of the store's table; without the runs."""
        return [self.series_id, self.ts, self.value, self.text, self.quality, self.logical_uid, self.version]

    def __len__(self) -> int:
        return len(self.series_id) + sum(map(len, self.runs))


def points(readings: Iterable[tuple[int, Reading]]) -> Points:
    """The points of readings, each with its index in the batch.

    A measurement that cannot be stored refuses its reading, by name; the reading's other measurements are kept.
    """
    made = Points()
    for index, reading in readings:
        faults = _add(made, reading)
        if faults:
            made.refused.append(Refused(index, faults[0][0], "; ".join(detail for _, detail in faults)))
    return made


def add_measurements(made: Points, origin: Origin, measurements: Iterable[Measurement]) -> list[Fault]:
    """Add the points of one reading; returns why some cannot be stored.

    Raises:
        UnicodeEncodeError: the device or a name holds a lone surrogate.
    """
    faults: list[Fault] = []
    device, version, names = origin.device, origin.version, made.names
    for m in measurements:
        fault = _fault(m)
        if fault:
            faults.append(fault)
            continue
        series = series_id(device, m.name)
        made.series_id.append(series)
        made.ts.append(m.time)
        made.value.append(m.value)
        made.text.append(m.text or "")
        made.quality.append(m.quality)
        made.logical_uid.append(m.logical_uid or 0)
        made.version.append(version)
        known = names.get(series)
        if known is None or version > known.version:
            names[series] = _name(origin, m, known)
    return faults


def add_blocks(made: Points, origin: Origin, runs: Iterable[Block]) -> list[Fault]:
    """Add the points of a reading's blocks; what is no finite number is left out, as in `normalise`.

    Returns why some of it cannot be stored, one fault per block.

    Raises:
        UnicodeEncodeError: as ``add_measurements``.
    """
    return [fault for block in runs if (fault := _add_block(made, origin, block)) is not None]


def run_columns(runs: Sequence[Run]) -> dict[str, Any]:
    """The rows of runs as one array per column of the store's table; without ``text``, which they have none of."""
    lengths = [len(run) for run in runs]

    def repeated(name: str, kind: type[np.generic]) -> Any:
        return np.repeat(np.array([getattr(run, name) for run in runs], kind), lengths)

    return {
        "series_id": repeated("series_id", np.uint64),
        "ts": np.concatenate([run.ts for run in runs]),
        "value": np.concatenate([run.value for run in runs]),
        "quality": repeated("quality", np.uint8),
        "logical_uid": repeated("logical_uid", np.uint32),
        "version": repeated("version", np.uint64),
    }


def _add(made: Points, reading: Reading) -> list[Fault]:
    try:
        version = row_version(reading.generation, reading.raw_partition, reading.raw_offset)
    except OverflowError as error:
        return [("lineage-out-of-range", str(error))]
    origin = Origin(reading.device, reading.source, reading.received_at, version)
    return [*add_measurements(made, origin, reading.measurements), *add_blocks(made, origin, reading.blocks)]


def _add_block(made: Points, origin: Origin, block: Block) -> Fault | None:
    broken = blocks.fault(block)
    if broken is not None:
        return "bad-block", broken
    fault = _fault(Measurement(block.name, block.unit, EARLIEST, 0.0, None, block.quality, block.logical_uid))
    if fault is not None:
        return fault
    times, values = blocks.times(block), blocks.values(block)
    finite, outside = np.isfinite(values), (times < EARLIEST) | (times >= LATEST)
    kept = finite & ~outside
    if kept.any():
        _add_run(made, origin, block, times[kept], values[kept])
    late = times[outside]
    return _fault(Measurement(block.name, block.unit, int(late[0]), 0.0, None)) if len(late) else None


def _add_run(made: Points, origin: Origin, block: Block, times: Times, values: Values) -> None:
    series, version = series_id(origin.device, block.name), origin.version
    made.runs.append(Run(series, times, values, block.quality, block.logical_uid or 0, version))
    known = made.names.get(series)
    if known is None or version > known.version:
        made.names[series] = _name(origin, block, known)


def _fault(m: Measurement) -> Fault | None:
    if not EARLIEST <= m.time < LATEST:
        return "time-out-of-range", f"{m.name}: {m.time} ns is not between 1980 and 2200"
    if m.value is not None and not isfinite(m.value):
        return "not-finite", f"{m.name}: {m.value}"
    if not 0 <= m.quality < QUALITY_LIMIT or not 0 <= (m.logical_uid or 0) < UID_LIMIT:
        return "out-of-range", f"{m.name}: quality {m.quality}, logical_uid {m.logical_uid}"
    return None


def _name(origin: Origin, m: Measurement | Block, known: Name | None) -> Name:
    first_seen = origin.received_at if known is None else min(known.first_seen, origin.received_at)
    return Name(origin.device, m.name, m.unit, origin.source, first_seen, origin.version)
