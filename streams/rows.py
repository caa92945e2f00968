"""Readings -> columns of points, as every store of them has them. Pure; written for speed: the loops run once per point."""

from array import array
from collections.abc import Iterable, Sequence
from math import isfinite
from sys import byteorder
from typing import Any

from msgspec import Struct, field

from streams.core.identity import row_version, series_id
from streams.core.records import Block, Measurement, Reading

FIRST_TIME, LAST_TIME = 315_532_800_000_000_000, 7_258_118_400_000_000_000
"""1980-01-01 and 2200-01-01: times outside are faults of clocks, and ClickHouse would bend them silently"""
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


class Points(Struct):
    """Columns of points, the names of the series in them, and what cannot be stored.

    ``text`` is "" and ``logical_uid`` 0 for none; ``ts`` is ns since the epoch, UTC.
    """

    series_id: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    logical_uid: list[int] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    names: dict[int, Name] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)

    def columns(self) -> list[Sequence[Any]]:
        """In the order of the store's table."""
        return [self.series_id, self.ts, self.value, self.text, self.quality, self.logical_uid, self.version]

    def __len__(self) -> int:
        return len(self.series_id)


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


def _add(made: Points, reading: Reading) -> list[Fault]:
    try:
        version = row_version(reading.generation, reading.raw_partition, reading.raw_offset)
    except OverflowError as error:
        return [("lineage-out-of-range", str(error))]
    origin = Origin(reading.device, reading.source, reading.received_at, version)
    faults = add_measurements(made, origin, reading.measurements)
    for block in reading.blocks:
        faults += _add_block(made, origin, block)
    return faults


def _add_block(made: Points, origin: Origin, block: Block) -> list[Fault]:
    """A block's values as rows; what is no finite number is left out, as in `normalise`."""
    values = _floats(block.values)
    end = block.start + max(len(values) - 1, 0) * block.period
    for time in (block.start, end):
        fault = _fault(Measurement(block.name, block.unit, time, 0.0, None, block.quality, block.logical_uid))
        if fault:
            return [fault]
    kept = [(block.start + i * block.period, value) for i, value in enumerate(values) if isfinite(value)]
    series = series_id(origin.device, block.name)
    made.series_id += [series] * len(kept)
    made.ts += [time for time, _ in kept]
    made.value += [value for _, value in kept]
    made.text += [""] * len(kept)
    made.quality += [block.quality] * len(kept)
    made.logical_uid += [block.logical_uid or 0] * len(kept)
    made.version += [origin.version] * len(kept)
    known = made.names.get(series)
    if kept and (known is None or origin.version > known.version):
        made.names[series] = _name(origin, block, known)
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


def _name(origin: Origin, m: Measurement | Block, known: Name | None) -> Name:
    first_seen = origin.received_at if known is None else min(known.first_seen, origin.received_at)
    return Name(origin.device, m.name, m.unit, origin.source, first_seen, origin.version)
