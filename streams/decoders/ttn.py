"""The Things Stack v3 uplinks (the webhook body and MQTT ``v3/{app}@{tenant}/devices/{dev}/up`` are the same JSON).

Sources: The Things Stack, "Data Formats"; IoTa's ``AllMsgsWriter`` for identity and the precedence of times. A device is
its ``dev_eui`` alone, so that it stays itself in another application; one without is its application and device id.

The normalised payload stands beside what the vendor's formatter said, or instead of it, by setting ``ttn_normalized``. Where
both use one name (``battery``) the normalised value counts: its unit is known. Bodies ``uplink_normalized`` repeat what the
uplink's own body holds: they are ignored, their device was still seen.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder
from msgspec.structs import replace

from streams.core.message import RECEIPT_TIME, Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.normalised import read as read_normalised
from streams.core.options import Options
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import LATITUDE_LIMIT, LONGITUDE_LIMIT, coordinate, named, sender
from streams.core.times import from_text

CACHED_IDS_LIMIT = 400
"""Characters; longer ids are nobody's and would fill the cache."""


class Application(Struct, frozen=True):
    """``application_ids``."""

    application_id: str = ""


class Ids(Struct, frozen=True):
    """``end_device_ids``."""

    device_id: str = ""
    dev_eui: str = ""
    application_ids: Application = Application()


class Version(Struct, frozen=True):
    """``version_ids``."""

    brand_id: str = ""
    model_id: str = ""


class Uplink(Struct, frozen=True):
    """``uplink_message``; the server leaves zeros out, so no port is port 0 and no payload an empty one."""

    f_port: int = 0
    frm_payload: bytes = b""
    decoded_payload: Any = None
    decoded_payload_warnings: Any = None
    normalized_payload: Any = None
    normalized_payload_warnings: Any = None
    received_at: str | None = None
    version_ids: Version | None = None
    locations: Any = None


class Keyed(Struct, frozen=True):
    """The part of the body that says whose it is."""

    end_device_ids: Ids = Ids()


class Envelope(Keyed, frozen=True):
    """The part of the body that is read."""

    received_at: str | None = None
    uplink_message: Uplink | None = None
    join_accept: Any = None
    location_solved: Any = None
    uplink_normalized: Any = None


_KEYED, _ENVELOPE = JsonDecoder(Keyed), JsonDecoder(Envelope)


class Ttn:
    """Decoder of source ``ttn``."""

    name = "ttn"
    version = 1

    def __init__(self, options: Options) -> None:
        self._normalized = options.ttn_normalized

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        found = read(record.payload, _KEYED)
        who = found if isinstance(found, Rejected) else _sender(found.end_device_ids, None)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """By ``dev_eui``, else by application and device id: the alias of one whose ``dev_eui`` is not known."""
        application, device = source_ids.get("app_id"), source_ids.get("dev_id")
        alias = f"{application}/{device}" if application and device else None
        return named("ttn", source_ids.get("dev_eui", "").lower() or alias)

    def open(self, record: RawRecord) -> list[Opened]:
        """One message, warnings of its formatters, and a rejection when its normalised payload is none.

        A join or another event without uplink is ignored; its device was still seen.
        """
        envelope = read(record.payload, _ENVELOPE)
        if isinstance(envelope, Rejected):
            return [envelope]
        uplink = envelope.uplink_message
        who = _sender(envelope.end_device_ids, uplink.version_ids if uplink else None)
        if isinstance(who, Rejected):
            return [who]
        told = envelope.received_at if uplink is None or uplink.received_at is None else uplink.received_at
        time = record.received_at if told is None else from_text(told)
        if time is None:
            return [Rejected("open", "bad-time", detail(told), who.device)]
        if uplink is None:
            return [_without_uplink(envelope, who, time)]
        normalised, faults = self._normalised(uplink, time)
        message = self._message(uplink, normalised, who, time, 0 if told else RECEIPT_TIME)
        rejected = (
            [Rejected("normalise", "bad-normalized-payload", detail("; ".join(faults)), who.device)] if faults else []
        )
        return [message, *rejected, *_warnings(uplink)]

    def _normalised(self, uplink: Uplink, time: int) -> tuple[list[Value], list[str]]:
        if self._normalized == "ignore" or uplink.normalized_payload is None:
            return [], []
        return read_normalised(uplink.normalized_payload, time)

    def _message(self, uplink: Uplink, normalised: list[Value], who: Sender, time: int, quality: int) -> Opened:
        decoded, payload = uplink.decoded_payload, uplink.frm_payload or None
        values = [Value(name, value, time) for name, value in decoded.items()] if isinstance(decoded, dict) else None
        if normalised:
            values = normalised if self._normalized == "instead" else [*(values or ()), *normalised]
        if values is None and payload is None:
            return Ignored("empty-uplink", who, time)
        return _made(uplink, values, who, time, quality)


def _made(uplink: Uplink, values: list[Value] | None, who: Sender, time: int, quality: int) -> Message:
    payload = uplink.frm_payload or None
    located = _located(who, uplink.locations) if uplink.locations else who
    return Message(sender=located, time=time, values=values, payload=payload, port=uplink.f_port, quality=quality)


def _without_uplink(envelope: Envelope, who: Sender, time: int) -> Ignored:
    if isinstance(envelope.location_solved, dict):
        return Ignored("location-solved", _at(who, envelope.location_solved.get("location")), time)
    if envelope.uplink_normalized is not None:
        return Ignored("uplink-normalized", who, time)
    return Ignored("no-uplink" if envelope.join_accept is None else "join-accept", who, time)


def _warnings(uplink: Uplink) -> list[Opened]:
    """Counted, a formatter at a time; the values count as they are."""
    told = (
        ("decoded-payload-warnings", uplink.decoded_payload_warnings),
        ("normalized-payload-warnings", uplink.normalized_payload_warnings),
    )
    return [Ignored(reason) for reason, warnings in told if warnings]


def _located(who: Sender, locations: Any) -> Sender:
    """With the place that a person set, else the one that the network or the payload gave."""
    known: dict[str, Any] = locations if isinstance(locations, dict) else {}
    return _at(who, next((known[name] for name in ("user", *known) if isinstance(known.get(name), dict)), None))


def _at(who: Sender, place: Any) -> Sender:
    """At the place, if it is one; the server leaves a zero out."""
    if not isinstance(place, dict) or place.keys().isdisjoint(("latitude", "longitude")):
        return who
    latitude = coordinate(place.get("latitude", 0.0), LATITUDE_LIMIT)
    longitude = coordinate(place.get("longitude", 0.0), LONGITUDE_LIMIT)
    return who if latitude is None or longitude is None else replace(who, latitude=latitude, longitude=longitude)


def _sender(ids: Ids, version: Version | None) -> Sender | Rejected:
    model = (version.brand_id, version.model_id) if version else ("", "")
    who = (ids.dev_eui.lower(), ids.application_ids.application_id, ids.device_id)
    if sum(map(len, who + model)) > CACHED_IDS_LIMIT:
        return _new_sender.__wrapped__(*who, *model)
    return _new_sender(*who, *model)


@lru_cache(maxsize=65_536)
def _new_sender(dev_eui: str, application: str, device_id: str, brand: str, model: str) -> Sender | Rejected:
    if not dev_eui and not (application and device_id):
        return Rejected("open", "no-device", "neither dev_eui nor application_id and device_id")
    ids = {"app_id": application, "dev_id": device_id, "dev_eui": dev_eui}
    return sender(
        "ttn",
        dev_eui or f"{application}/{device_id}",
        {name: value for name, value in ids.items() if value},
        name=device_id or dev_eui,
        application=application,
        model=f"{brand}/{model}" if brand or model else "",
    )


DECODER = Ttn
