"""What devices said, out of the store: asked by device, answered by message or by measurement, row after row."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from connectors.api.period import Period
from connectors.api.streaming import rows
from streams.core.place import present
from streams.core.records import DeviceMapping, Interval, Measurement, PhysicalDevice
from streams.registry.state import State
from streams.settings import ClickHouseSettings

Value = float | str | None


class Whose(NamedTuple):
    """Devices to ask for, by key; ``logical_uid``: only what they said as that logical device, under its names."""

    devices: dict[str, DeviceMapping]
    logical_uid: int | None


class Said(NamedTuple):
    """One measured value; times in ns. ``message_time``: of the message that brought it."""

    time: int
    physical_uid: int
    name: str
    value: Value
    message_time: int
    received_at: int | None


class Message(NamedTuple):
    """What one raw record said of one device; ``said``: (name, time, value), oldest first."""

    time: int
    physical_uid: int
    logical_uid: int | None
    said: list[tuple[str, int, Value]]
    received_at: int | None
    id: str


def of_physical(state: State, device: PhysicalDevice) -> Whose:
    """Everything that the device ever said."""
    return Whose({device.device: state.mapping_of(device)}, None)


def of_logical(state: State, uid: int) -> Whose:
    """Everything that any device said while it fed this logical device."""
    return Whose({mapping.device: mapping for mapping, _ in state.feeding(uid)}, uid)


def messages(settings: ClickHouseSettings, whose: Whose, period: Period, count: int) -> Iterator[Message]:
    """Newest first, at most ``count``.

    Raises:
        Transient: the store is away (all functions here, with the first row).
    """
    for row in _asked(settings, "device_messages", whose, period, {"count": count}):
        time, device, logical_uid, said, received_at, raw_id = row
        mapping = whose.devices[device]
        shown = [one for each in said if (one := _shown(mapping, whose.logical_uid, *each)) is not None]
        shown.sort(key=lambda one: (one[1], one[0]))
        yield Message(time, mapping.physical_uid, logical_uid or None, shown, received_at or None, raw_id)


def readings(settings: ClickHouseSettings, whose: Whose, period: Period) -> Iterator[Said]:
    """Oldest first."""
    for row in _asked(settings, "device_readings", whose, period, {}):
        time, device, name, _unit, value, text, message_time, received_at = row
        mapping = whose.devices[device]
        shown = _shown(mapping, whose.logical_uid, name, time, value, text)
        if shown is not None:
            yield Said(time, mapping.physical_uid, shown[0], shown[2], message_time, received_at or None)


def names(settings: ClickHouseSettings, whose: Whose) -> list[str]:
    """Every name that ``readings`` may come with, sorted."""
    known = [row[0] for row in rows(settings, "device_measurements", {"devices": list(whose.devices)})]
    if whose.logical_uid is None:
        return sorted(known)
    intervals = [i for m in whose.devices.values() for i in m.intervals if i.logical_uid == whose.logical_uid]
    shown = (_name(name, interval) for interval in intervals for name in known)
    return sorted({name for name in shown if name is not None})


def _name(name: str, interval: Interval) -> str | None:
    """What the interval calls it; None where it is dropped."""
    variable = next((one for one in interval.variables if one.source == name), None)
    if variable is None:
        return name
    return None if variable.drop else variable.target or name


def _asked(
    settings: ClickHouseSettings, query: str, whose: Whose, period: Period, more: dict[str, Any]
) -> Iterator[Sequence[Any]]:
    if not whose.devices:
        return
    asked = {
        "devices": list(whose.devices),
        "logical_uid": whose.logical_uid or 0,
        "start": period.start,
        "end": period.end,
    }
    yield from rows(settings, query, asked | more)


def _shown(
    mapping: DeviceMapping, logical_uid: int | None, name: str, time: int, value: float | None, text: str | None
) -> tuple[str, int, Value] | None:
    """Under the names of the logical device, where that is asked for."""
    if logical_uid is None:
        return name, time, text if value is None else value
    shown = present(Measurement(name, "", time, value, text), mapping)
    return None if shown is None else (shown.name, time, shown.text if shown.value is None else shown.value)
