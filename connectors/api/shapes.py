"""What callers get, as IoTa's ``pdmodels``; under `/api` an answer may say more than IoTa's."""

import json
from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field, JsonValue

from connectors.api.bodies import Location
from connectors.api.times import from_ns
from connectors.api.view import State, View
from streams.core import records
from streams.core.records import DeviceMapping, Generation, Interval, LogicalDevice, PhysicalDevice
from streams.core.registry_records import DeviceNote
from streams.registry.mappings import is_paused


class Answer(BaseModel):
    """Documentation of an answer; answers are written straight from the registry's records."""


class ShownPhysicalDevice(Answer):
    """A physical device. What is null here is not shown under `/broker/api`.

    ``device``: its key in the streams and the store; ``state``: live, late or missing; ``last_raw``: where in `raw`
    (partition@offset) its newest message stands, see `isthmus trace`.
    """

    uid: int
    source_name: str
    name: str
    location: Location | None
    last_seen: datetime | None
    source_ids: dict[str, JsonValue]
    properties: dict[str, JsonValue]
    device: str | None = None
    state: State | None = None
    last_raw: str | None = None


class ShownLogicalDevice(Answer):
    """A logical device. ``state``: live, late or missing, not shown under `/broker/api`."""

    uid: int
    name: str
    location: Location | None
    last_seen: datetime | None
    properties: dict[str, JsonValue]
    state: State | None = None


class ShownVariable(Answer):
    """How a mapping shows one measurement of the physical device."""

    from_: str = Field(alias="from")
    to: str | None
    scale: float
    offset: float
    drop: bool


class ShownPause(Answer):
    """Nothing is fed from ``start`` to ``end``; null: still."""

    start: datetime
    end: datetime | None


class ShownMapping(Answer):
    """A mapping. ``is_active`` false: paused. ``pauses`` and ``variables`` are not shown under `/broker/api`."""

    pd: int | ShownPhysicalDevice
    ld: int | ShownLogicalDevice
    start_time: datetime
    end_time: datetime | None
    is_active: bool
    pauses: list[ShownPause] | None = None
    variables: list[ShownVariable] | None = None


class ShownNote(Answer):
    """A note about a physical device."""

    uid: int
    ts: datetime
    note: str


class ShownChange(Answer):
    """One change in a record's history; ``before`` and ``after`` hold the fields that changed."""

    kind: Literal["created", "changed", "removed"]
    at: datetime
    by: str
    why: str
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]


class ShownGeneration(Answer):
    """A decoding epoch, from the offsets ``fences`` of topic raw on."""

    number: int
    fences: dict[str, int]
    code: str
    codecs: str
    rules: str
    topics: str
    opened_at: datetime
    opened_by: str
    why: str


def physical(device: PhysicalDevice, view: View, *, properties: bool = True) -> dict[str, Any]:
    """As ``ShownPhysicalDevice``."""
    shown = {
        "uid": device.uid,
        "source_name": device.source,
        "name": device.name,
        "location": _place(device.location),
        "last_seen": _time(device.last_seen),
        "source_ids": {name: _value(value) for name, value in device.source_ids.items()},
        "properties": msgspec.Raw(device.properties.encode()) if properties else {},
    }
    more = {"device": device.device, "state": view.state(device.last_seen), "last_raw": device.last_raw}
    return shown if view.iota else shown | more


def logical(device: LogicalDevice, view: View, *, properties: bool = True) -> dict[str, Any]:
    """As ``ShownLogicalDevice``."""
    shown = {
        "uid": device.uid,
        "name": device.name,
        "location": _place(device.location),
        "last_seen": _time(device.last_seen),
        "properties": msgspec.Raw(device.properties.encode()) if properties else {},
    }
    return shown if view.iota else shown | {"state": view.state(device.last_seen)}


def mapping(pd: Any, ld: Any, interval: Interval, *, iota: bool) -> dict[str, Any]:
    """As ``ShownMapping``; ``pd`` and ``ld`` are uids or shown devices."""
    shown = {
        "pd": pd,
        "ld": ld,
        "start_time": from_ns(interval.start),
        "end_time": _time(interval.end),
        "is_active": not is_paused(interval),
    }
    pauses = [{"start": from_ns(pause.start), "end": _time(pause.end)} for pause in interval.pauses]
    return shown if iota else shown | {"pauses": pauses, "variables": interval.variables}


def interval(of: Interval) -> dict[str, Any]:
    """As ``ShownMapping`` without the physical device."""
    shown = mapping(None, of.logical_uid, of, iota=False)
    del shown["pd"]
    return shown


def uids(of: DeviceMapping, interval: Interval, *, iota: bool) -> dict[str, Any]:
    """A mapping with uids only."""
    return mapping(of.physical_uid, interval.logical_uid, interval, iota=iota)


def note(written: DeviceNote) -> dict[str, Any]:
    """As ``ShownNote``."""
    return {"uid": written.uid, "ts": from_ns(written.at), "note": written.note}


def generation(opened: Generation) -> dict[str, Any]:
    """As ``ShownGeneration``."""
    shown: dict[str, Any] = msgspec.to_builtins(opened)
    return shown | {"opened_at": from_ns(opened.opened_at)}


def _place(location: records.Location | None) -> dict[str, float] | None:
    return None if location is None else {"lat": location.latitude, "long": location.longitude}


def _time(time: int | None) -> str | None:
    return None if time is None else from_ns(time)


def _value(text: str) -> Any:
    """A source id that came as a list or an object is shown as one."""
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
