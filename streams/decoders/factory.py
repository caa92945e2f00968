"""Factory sensors that announce themselves: heartbeats, and readings as a JSON string that holds a number.

Source: the published factory-sensor proof of concept (its simulator and its Pico W). Its NATS subjects arrive as MQTT
topics, with dots or slashes: ``sim/heartbeat``, ``sim/read/<id>``, ``picow/<id>/read``, ``picow/<id>/disconnect``.
A heartbeat has nine fields, all of them needed. A reading has no time of its own, nor had it there: the time of receipt
counts. Who polls and gets no answer notes ``"N/A"`` instead: ``status`` is then ``COMM_ERROR``, and there is no value. Over HTTP
the topic follows ``/webhooks/factory/``.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.json import Decoder as JsonDecoder

from streams.core.address import topic
from streams.core.columns import number_of
from streams.core.message import RECEIPT_TIME, Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
MAC_BYTES = 6
NO_ANSWER, COMM_ERROR = "N/A", "COMM_ERROR"


class Heartbeat(Struct, frozen=True):
    """What a sensor says of itself; ``poll_interval`` in ms."""

    alias: str
    id: str
    poll_interval: int
    poll_topic: str
    read_topic: str
    disconnect_topic: str
    ip_addr: str
    mac_addr: list[int]
    location: str


class Identified(Struct, frozen=True):
    """The part of a heartbeat that says whose it is."""

    id: str = field(default="")


_HEARTBEAT, _IDENTIFIED, _ANY = JsonDecoder(Heartbeat), JsonDecoder(Identified), JsonDecoder(Any)


class Factory:
    """Decoder of source ``factory``."""

    name = "factory"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key: of a heartbeat from its body, else from the topic."""
        levels = _levels(record)
        if levels[-1] != "heartbeat":
            return named("factory", _identity(levels))
        found = read(record.payload, _IDENTIFIED)
        return named("factory", found.id.lower()) if isinstance(found, Identified) and _UUID(found.id) else None

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("factory", source_ids.get("id", "").lower())

    def open(self, record: RawRecord) -> list[Opened]:
        """One message, or why there is none."""
        levels = _levels(record)
        if levels[-1] == "heartbeat":
            return [_alive(record)]
        identity = _identity(levels)
        if identity is None:
            return [Rejected("open", "no-device", detail(f"no sensor's id in {record.address}"))]
        who = _sender(identity)
        if isinstance(who, Rejected):
            return [who]
        return [_said(levels, who, record)]


def _said(levels: list[str], who: Sender, record: RawRecord) -> Opened:
    if "read" in levels:
        return _measured(who, record)
    if "disconnect" in levels:
        gone = _sender(who.source_ids["id"], properties={"state": "offline"})
        return gone if isinstance(gone, Rejected) else _message(gone, record.received_at, online=0)
    if "poll" in levels:
        return Ignored("poll")
    return Rejected("open", "unknown-topic", detail(record.address), who.device)


def _alive(record: RawRecord) -> Opened:
    beat = read(record.payload, _HEARTBEAT)
    if isinstance(beat, Rejected):
        return beat
    if not _UUID(beat.id):
        return Rejected("open", "bad-device", detail(f"id {beat.id!r} is no UUID"))
    if len(beat.mac_addr) != MAC_BYTES or not all(0 <= byte <= 255 for byte in beat.mac_addr):
        return Rejected("open", "bad-envelope", detail(f"mac_addr {beat.mac_addr} is not six bytes"))
    if beat.poll_interval < 0:
        return Rejected("open", "bad-envelope", detail(f"poll_interval {beat.poll_interval} is negative"))
    who = _sender(beat.id.lower(), name=beat.alias, properties=_properties(beat))
    if isinstance(who, Rejected):
        return who
    return _message(who, record.received_at, online=1, poll_interval_ms=beat.poll_interval)


def _properties(beat: Heartbeat) -> dict[str, str]:
    told = {
        "alias": beat.alias,
        "location": beat.location,
        "ip_addr": beat.ip_addr,
        "mac_addr": ":".join(f"{byte:02x}" for byte in beat.mac_addr),
        "poll_interval_ms": str(beat.poll_interval),
        "poll_topic": beat.poll_topic,
        "read_topic": beat.read_topic,
        "disconnect_topic": beat.disconnect_topic,
        "state": "online",
    }
    return {name: text[:1_000] for name, text in told.items()}


def _measured(who: Sender, record: RawRecord) -> Opened:
    told = read(record.payload, _ANY)
    if isinstance(told, str) and told == NO_ANSWER:
        return _message(who, record.received_at, status=COMM_ERROR)
    number = number_of(told) if isinstance(told, str) else None
    if number is None:
        text = record.payload[:100].decode("utf-8", "replace")
        return Rejected("open", "value-error", detail(f"no JSON string that holds a number: {text}"), who.device)
    return _message(who, record.received_at, value=number)


def _message(who: Sender, at: int, **values: float | str) -> Message:
    found = [Value(name, value, at, "ms" if name.endswith("_ms") else "") for name, value in values.items()]
    return Message(sender=who, time=at, values=found, quality=RECEIPT_TIME)


def _levels(record: RawRecord) -> list[str]:
    return topic(record).replace(".", "/").split("/")


def _identity(levels: list[str]) -> str | None:
    return next((level.lower() for level in levels if _UUID(level)), None)


def _sender(identity: str, **more: Any) -> Sender | Rejected:
    return sender("factory", identity, {"id": identity}, **more)


DECODER = Factory()
