"""ChirpStack's events as JSON: version 4, and version 3 with its flat ids, its texts of JSON and its times by gateway."""

from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.json import Decoder as JsonDecoder

from streams.core.message import Rejected
from streams.core.payload import read
from streams.decoders.wire.chirpstack_event import Device, Event, Told

Id = str | int | None


class RxInfo(Struct, frozen=True, rename="camel"):
    """One gateway's reception; version 3 says ``time``."""

    gw_time: str | None = None
    ns_time: str | None = None
    time: str | None = None


class Place(Struct, frozen=True):
    """``location``; a zero may be left out."""

    latitude: Any = 0.0
    longitude: Any = 0.0


class Keyed(Struct, frozen=True, rename="camel"):
    """The part of the body that says whose it is; the flat fields are version 3's."""

    device_info: Device | None = None
    dev_eui: str = field(name="devEUI", default="")
    device_name: str = ""
    application_id: Id = field(name="applicationID", default=None)
    application_name: str = ""
    device_profile_id: str = field(name="deviceProfileID", default="")
    device_profile_name: str = ""
    tags: dict[str, str] | None = None


class Body(Keyed, frozen=True, rename="camel"):
    """The part of the body that is read, of any event. ``error`` is version 3's."""

    time: str | None = None
    published_at: str | None = None
    rx_info: list[RxInfo] | None = None
    f_port: int | None = None
    data: bytes | None = None
    object: Any = None
    object_json: str | None = field(name="objectJSON", default=None)
    join_server_context: Any = None
    margin: float | None = None
    battery_level: float | None = None
    battery_level_unavailable: bool | None = None
    external_power_source: bool | None = None
    location: Place | None = None
    level: str | int | None = None
    error: Any = None


_KEYED, _BODY = JsonDecoder(Keyed), JsonDecoder(Body)


def device(payload: bytes) -> Device | Rejected:
    """Whose event it is."""
    body = read(payload, _KEYED)
    return body if isinstance(body, Rejected) else _device(body)


def event(payload: bytes) -> Event | Rejected:
    """The event."""
    body = read(payload, _BODY)
    if isinstance(body, Rejected):
        return body
    return Event(
        device=_device(body),
        time=body.time,
        other_times=(*_times(body.rx_info or []), body.published_at),
        port=body.f_port or 0,
        payload=body.data,
        object=body.object if body.object_json is None else _parsed(body.object_json),
        encrypted=body.join_server_context is not None,
        margin=body.margin,
        battery=None if body.battery_level_unavailable else body.battery_level,
        external_power=body.external_power_source,
        place=None if body.location is None else (body.location.latitude, body.location.longitude),
        is_error=body.level in ("ERROR", 2) or body.error is not None,
    )


def _device(body: Keyed) -> Device:
    if body.device_info is not None:
        return body.device_info
    application_id = "" if body.application_id is None else str(body.application_id)
    return Device(
        eui=body.dev_eui, name=body.device_name, application_id=application_id, application_name=body.application_name,
        profile_id=body.device_profile_id, profile_name=body.device_profile_name, tags=body.tags,
    )  # fmt: skip


def _times(received: list[RxInfo]) -> list[Told]:
    by_gateway: list[Told] = [one.gw_time or one.time for one in received]
    return [*by_gateway, *(one.ns_time for one in received)]


def _parsed(text: str) -> Any:
    """Text that is no JSON is as good as none: the payload is still there for a codec."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
