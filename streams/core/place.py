"""Place a measurement by the mapping that was valid at its time, and present it under that mapping's names."""

from collections.abc import Iterator
from itertools import pairwise
from math import isfinite

import numpy as np
from msgspec.structs import replace

from streams.core import block as blocks
from streams.core.block import Times
from streams.core.records import Block, DeviceMapping, Interval, Measurement, Variable

UNCHANGED = Variable("")
"""what a mapping says of names that it does not name"""


def place(mapping: DeviceMapping | None, time: int) -> int | None:
    """The logical device at ``time`` (ns since the epoch); None where the device was unmapped or paused."""
    if mapping is None:
        return None
    interval = interval_at(mapping, time)
    return None if interval is None else interval.logical_uid


def interval_at(mapping: DeviceMapping, time: int) -> Interval | None:
    """The mapping interval that holds at ``time``; None between intervals and in a pause."""
    for interval in reversed(mapping.intervals):
        if interval.start <= time:
            return interval if _holds(interval, time) else None
    return None


def present(measurement: Measurement, mapping: DeviceMapping | None) -> Measurement | None:
    """The measurement as its logical device shows it: renamed, scaled, with that device's uid.

    None: not to be shown, because unmapped, paused or dropped by the mapping, or no number any more once scaled.
    """
    interval = None if mapping is None else interval_at(mapping, measurement.time)
    if interval is None:
        return None
    variable = next((v for v in interval.variables if v.source == measurement.name), None)
    if variable is None:
        return replace(measurement, logical_uid=interval.logical_uid)
    return _shown(measurement, variable, interval.logical_uid)


def stretches(mapping: DeviceMapping | None, times: Times) -> Iterator[tuple[int, int, Interval | None]]:
    """Ascending times cut where the mapping changes: first index, the one after the last, what ``interval_at`` says."""
    if mapping is None or not mapping.intervals:
        yield 0, len(times), None
        return
    between = np.searchsorted(_borders(mapping), times, side="right")
    cuts = [0, *(np.flatnonzero(between[1:] != between[:-1]) + 1).tolist(), len(times)]
    for low, high in pairwise(cuts):
        yield low, high, interval_at(mapping, int(times[low]))


def present_block(block: Block, mapping: DeviceMapping | None) -> Iterator[Block]:
    """What ``present`` makes of each of the block's points, as blocks."""
    times, values = blocks.times(block), blocks.values(block)
    for low, high, interval in stretches(mapping, times):
        if interval is None or low == high:
            continue
        variable = next((v for v in interval.variables if v.source == block.name), UNCHANGED)
        if variable.drop:
            continue
        shown = values[low:high]
        if variable is not UNCHANGED:
            with np.errstate(over="ignore", invalid="ignore"):
                shown = shown * variable.scale + variable.offset
        finite = np.isfinite(shown)
        if finite.any():
            yield blocks.made(
                times[low:high][finite], shown[finite], name=variable.target or block.name, unit=block.unit,
                quality=block.quality, logical_uid=interval.logical_uid,
            )  # fmt: skip


def _borders(mapping: DeviceMapping) -> Times:
    """Every time at which what holds may become another."""
    found = {interval.start for interval in mapping.intervals}
    for interval in mapping.intervals:
        found.update(end for end in (interval.end,) if end is not None)
        found.update(time for p in interval.pauses for time in (p.start, p.end) if time is not None)
    return np.array(sorted(found), np.int64)


def _holds(interval: Interval, time: int) -> bool:
    if interval.end is not None and time >= interval.end:
        return False
    if not interval.pauses:
        return True
    return not any(p.start <= time and (p.end is None or time < p.end) for p in interval.pauses)


def _shown(measurement: Measurement, variable: Variable, logical_uid: int) -> Measurement | None:
    value = measurement.value
    if value is not None:
        value = value * variable.scale + variable.offset
    if variable.drop or (value is not None and not isfinite(value)):
        return None
    return replace(measurement, name=variable.target or measurement.name, value=value, logical_uid=logical_uid)
