"""Place a measurement by the mapping that was valid at its time, and present it under that mapping's names."""

from math import isfinite

from msgspec.structs import replace

from streams.core.records import DeviceMapping, Interval, Measurement, Variable


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
