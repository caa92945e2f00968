"""ChirpStack events, versions 3 and 4, as JSON or (version 4) protocol buffers, told apart by their first byte.

Sources: ChirpStack, "Event types", "MQTT", "HTTP"; its protobuf definitions. Which event it is, MQTT says in the topic
(``application/<id>/device/<eui>/event/<event>``) and HTTP in the query (``?event=up``).

- A device is its ``devEui`` alone. ``application:`` and ``profile:`` targets of codecs match names and ids alike, names
  first; ``model:`` matches the device's tags, ``<brand>/<model>``. ChirpStack does not tell a device's
  variables: codecs get the tags in their place.
- ``time`` counts; where it is missing, or from before 1980 since a gateway's clock was never set: the gateways' times,
  the server's, the time of receipt.
- With a join server of others the payload is still encrypted, and no codec may see it.
"""

import re
from base64 import b64decode
from collections.abc import Mapping

from msgspec.structs import replace

from streams.core.message import RECEIPT_TIME, Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail
from streams.core.records import RawRecord
from streams.core.sender import IDS_LIMIT, LATITUDE_LIMIT, LONGITUDE_LIMIT, coordinate, named, sender
from streams.core.times import EARLIEST, from_text
from streams.decoders.wire import chirpstack_json, chirpstack_protobuf
from streams.decoders.wire.chirpstack_event import Device, Event, Told

EVENT_HEADER = "query:event"
IGNORED = ("join", "ack", "txack", "integration")
_EVENT = re.compile(r"(?:^|/)event/([^/]+)$").search
_HEX_EUI = re.compile(r"[0-9A-Fa-f]{16}").fullmatch
_BASE64_EUI = re.compile(r"[A-Za-z0-9+/]{11}=").fullmatch
_JSON_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]").match


class ChirpStack:
    """Decoder of source ``chirpstack``."""

    name = "chirpstack"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        if _JSON_BEGINS(record.payload):
            found = chirpstack_json.device(record.payload)
        else:
            found = chirpstack_protobuf.device(record.payload, _event_name(record))
        who = found if isinstance(found, Rejected) else _sender(found)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("chirpstack", _eui(source_ids.get("dev_eui", "")))

    def open(self, record: RawRecord) -> list[Opened]:
        """One part, two of an uplink that is still encrypted."""
        name = _event_name(record)
        if not name:
            return [Rejected("open", "no-event", "neither topic nor query says which event it is")]
        found = _read(record.payload, name)
        if isinstance(found, Rejected):
            return [found]
        who = _sender(found.device)
        if isinstance(who, Rejected):
            return [who]
        time = _time(found, record.received_at)
        if time is None:
            return [Rejected("open", "bad-time", detail(found.time), who.device)]
        return _parts(name, found, who, *time)


def _event_name(record: RawRecord) -> str:
    in_topic = _EVENT(record.address)
    return in_topic[1] if in_topic else record.headers.get(EVENT_HEADER, "")


def _read(payload: bytes, name: str) -> Event | Rejected:
    if not payload.strip():
        return Rejected("open", "empty-payload", f"{len(payload)} bytes")
    is_json = _JSON_BEGINS(payload)
    return chirpstack_json.event(payload) if is_json else chirpstack_protobuf.event(payload, name)


def _parts(name: str, found: Event, who: Sender, time: int, quality: int) -> list[Opened]:
    if name == "up":
        return _uplink(found, who, time, quality)
    if name == "status":
        return [Message(sender=who, time=time, values=_status(found, time), quality=quality)]
    if name == "location":
        return [Ignored("location", _located(who, found), time)]
    if name in ("log", "error"):
        return [Ignored("log-error" if found.is_error else "log", who, time)]
    return [Ignored(name if name in IGNORED else "other-event", who, time)]


def _uplink(found: Event, who: Sender, time: int, quality: int) -> list[Opened]:
    values = [Value(n, v, time) for n, v in found.object.items()] if isinstance(found.object, dict) else None
    payload = found.payload or None
    if found.encrypted and values is None:
        why = "the join server has the key of the payload"
        return [Rejected("open", "encrypted-payload", why, who.device), Ignored("encrypted-payload", who, time)]
    if values is None and payload is None:
        return [Ignored("empty-uplink", who, time)]
    readable = None if found.encrypted else payload
    return [Message(sender=who, time=time, values=values, payload=readable, port=found.port, quality=quality)]


def _status(found: Event, time: int) -> list[Value]:
    """A battery level is none of a device that has no battery."""
    values = [Value("margin", found.margin, time, "dB"), Value("external_power_source", found.external_power, time)]
    if not found.external_power:
        values.append(Value("battery_level", found.battery, time, "%"))
    return [value for value in values if value.value is not None]


def _located(who: Sender, found: Event) -> Sender:
    latitude, longitude = found.place or (None, None)
    latitude, longitude = coordinate(latitude, LATITUDE_LIMIT), coordinate(longitude, LONGITUDE_LIMIT)
    return who if latitude is None or longitude is None else replace(who, latitude=latitude, longitude=longitude)


def _time(found: Event, received_at: int) -> tuple[int, int] | None:
    """The event's time and its quality; None when what it says is no time."""
    time = _ns(found.time)
    if time is None and found.time is not None:
        return None
    if time is not None and time >= EARLIEST:
        return time, 0
    others = (other for other in map(_ns, found.other_times) if other is not None and other >= EARLIEST)
    other = next(others, None)
    return (received_at, RECEIPT_TIME) if other is None else (other, 0)


def _ns(told: Told) -> int | None:
    return from_text(told) if isinstance(told, str) else told


def _sender(device: Device) -> Sender | Rejected:
    eui = _eui(device.eui)
    if eui is None:
        reason = "bad-device" if device.eui else "no-device"
        return Rejected("open", reason, detail(f"devEui {device.eui!r}"))
    ids = {
        "dev_eui": eui, "device_name": device.name, "tenant_id": device.tenant_id, "tenant_name": device.tenant_name,
        "application_id": device.application_id, "application_name": device.application_name,
        "device_profile_id": device.profile_id, "device_profile_name": device.profile_name,
    }  # fmt: skip
    tags = device.tags or {}
    if sum(len(name) + len(text) for name, text in tags.items()) > IDS_LIMIT:
        tags = {}
    return sender(
        "chirpstack",
        eui,
        {name: value for name, value in ids.items() if value},
        name=device.name or eui,
        application=device.application_name or device.application_id,
        application_id=device.application_id,
        profile=device.profile_name or device.profile_id,
        profile_id=device.profile_id,
        tags=tags,
        model="/".join(filter(None, (tags.get("brand"), tags.get("model")))),
    )


def _eui(text: str) -> str | None:
    """16 hexadecimal digits, or version 3's base64 of the eight bytes."""
    if _HEX_EUI(text):
        return text.lower()
    return b64decode(text).hex() if _BASE64_EUI(text) else None


DECODER = ChirpStack()
