"""ChirpStack v4's events as protocol buffers. Which message it is, only the event's name tells."""

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from streams.core.message import Rejected
from streams.core.payload import detail
from streams.core.times import SECOND
from streams.decoders.wire.chirpstack_event import Device, Event
from streams.decoders.wire.chirpstack_pb2 import (
    DeviceInfo,
    LocationEvent,
    LogEvent,
    OtherEvent,
    StatusEvent,
    UplinkEvent,
)

M = TypeVar("M", bound=Message)

ERROR = 2


def device(payload: bytes, name: str) -> Device | Rejected:
    """Whose event it is; ``name``: of the event."""
    found = _read(payload, LogEvent()) if name == "log" else _read(payload, OtherEvent())
    return found if isinstance(found, Rejected) else _device(found.device_info)


def event(payload: bytes, name: str) -> Event | Rejected:
    """The event called ``name``."""
    if name == "up":
        uplink = _read(payload, UplinkEvent())
        return uplink if isinstance(uplink, Rejected) else _uplink(uplink)
    if name == "status":
        status = _read(payload, StatusEvent())
        return status if isinstance(status, Rejected) else _status(status)
    if name == "location":
        located = _read(payload, LocationEvent())
        return located if isinstance(located, Rejected) else _location(located)
    if name == "log":
        log = _read(payload, LogEvent())
        return log if isinstance(log, Rejected) else _log(log)
    other = _read(payload, OtherEvent())
    return other if isinstance(other, Rejected) else Event(device=_device(other.device_info), time=_time(other))


def _read(payload: bytes, message: M) -> M | Rejected:
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        return Rejected("open", "bad-protobuf", detail(error))
    return message


def _uplink(found: UplinkEvent) -> Event:
    received = [one.gw_time for one in found.rx_info if one.HasField("gw_time")]
    received += [one.ns_time for one in found.rx_info if one.HasField("ns_time")]
    return Event(
        device=_device(found.device_info),
        time=_time(found),
        other_times=tuple(map(_ns, received)),
        port=found.f_port,
        payload=found.data,
        object=_plain_struct(found.object) if found.HasField("object") else None,
        encrypted=found.HasField("join_server_context"),
    )


def _status(found: StatusEvent) -> Event:
    # Seven digits: what a float of 32 bits holds, and what the JSON of the same event says.
    level = None if found.battery_level_unavailable else float(f"{found.battery_level:.7g}")
    return Event(
        device=_device(found.device_info), time=_time(found), margin=found.margin, battery=level,
        external_power=found.external_power_source,
    )  # fmt: skip


def _location(found: LocationEvent) -> Event:
    place = (found.location.latitude, found.location.longitude) if found.HasField("location") else None
    return Event(device=_device(found.device_info), time=_time(found), place=place)


def _log(found: LogEvent) -> Event:
    return Event(device=_device(found.device_info), time=_time(found), is_error=found.level == ERROR)


def _device(info: DeviceInfo) -> Device:
    return Device(
        eui=info.dev_eui, name=info.device_name, tenant_id=info.tenant_id, tenant_name=info.tenant_name,
        application_id=info.application_id, application_name=info.application_name,
        profile_id=info.device_profile_id, profile_name=info.device_profile_name, tags=dict(info.tags),
    )  # fmt: skip


def _time(found: UplinkEvent | StatusEvent | LocationEvent | LogEvent | OtherEvent) -> int | None:
    return _ns(found.time) if found.HasField("time") else None


def _ns(time: Timestamp) -> int:
    return time.seconds * SECOND + time.nanos


def _plain_struct(found: Struct) -> dict[str, Any]:
    """By name: a map of protocol buffers has no order that would be the same in every process."""
    return {name: _plain(value) for name, value in sorted(found.fields.items())}


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(one) for one in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
