"""Any JSON object: source ``json``, with configurable places for device, time and values.

Without a device in the body the rest of the MQTT topic is the device (``json/greenhouse/1`` → ``greenhouse/1``). Without
a time the time of receipt counts, marked in the quality. A number as time counts as s, ms, µs or ns by its magnitude.
Mappings (``core.json_mapping``) read what has another shape: the first whose topic and device fit; they take bare numbers and texts, too.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import DecodeError, Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.json_mapping import Reader, reader
from streams.core.message import RECEIPT_TIME, Message, Opened, Rejected, Sender, Value
from streams.core.names import NAME_LIMIT
from streams.core.options import Options
from streams.core.paths import MISSING, find
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_any
from streams.core.topic import Found

_BODY, _ANY = JsonDecoder(dict[str, Any]), JsonDecoder(Any)


class JsonObject:
    """Decoder of source ``json``."""

    name = "json"
    version = 1

    def __init__(self, options: Options) -> None:
        self._device = [path.split(".") for path in options.json_device]
        self._time = [path.split(".") for path in options.json_time]
        self._readers = [reader(mapping) for mapping in options.json_mappings]
        self._values = options.json_values.split(".") if options.json_values else []

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        if (mapped := self._mapped(record)) is not None:
            return None if isinstance(mapped.who, Rejected) else mapped.who.device
        body = read(record.payload, _BODY)
        who = body if isinstance(body, Rejected) else self._sender(body, record)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("json", source_ids.get("id"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message; values are an object, else the object itself without device and time."""
        if (mapped := self._mapped(record)) is not None:
            return _by_mapping(mapped, record)
        body = read(record.payload, _BODY)
        if isinstance(body, Rejected):
            return [body]
        who = self._sender(body, record)
        if isinstance(who, Rejected):
            return [who]
        told = _first(body, self._time)
        time = record.received_at if told is None else from_any(told)
        if time is None:
            return [Rejected("open", "bad-time", detail(told), who.device)]
        values = self._found_values(body)
        if not isinstance(values, dict):
            return [Rejected("open", "bad-values", f"{'.'.join(self._values)} is no object", who.device)]
        quality = RECEIPT_TIME if told is None else 0
        points = [Value(name, value, time) for name, value in values.items()]
        return [Message(sender=who, time=time, values=points, quality=quality)]

    def _mapped(self, record: RawRecord) -> "_Mapped | None":
        """The first mapping whose topic and device fit; None: there is none."""
        body: Any = MISSING
        for one in self._readers:
            if (found := one.found(record.address)) is None:
                continue
            body = _any(record.payload) if body is MISSING else body
            who = body if isinstance(body, Rejected) else _sender_of(body, one, found, record)
            if isinstance(who, Rejected) or one.takes(who.source_ids["id"]):
                return _Mapped(one, found, body, who)
        return None

    def _found_values(self, body: dict[str, Any]) -> Any:
        values = _at(body, self._values) if self._values else None
        if values is not None:
            return values
        taken = {path[0] for path in (*self._device, *self._time) if _at(body, path) is not None}
        return {name: value for name, value in body.items() if name not in taken}

    def _sender(self, body: dict[str, Any], record: RawRecord) -> Sender | Rejected:
        told = _first(body, self._device)
        if isinstance(told, (dict, list, bool)):
            return Rejected("open", "no-device", "the device is neither text nor number")
        if told is None and record.transport == "mqtt":
            told = record.address.partition("/")[2] or None
        if told is None:
            return Rejected("open", "no-device", f"none of {', '.join('.'.join(path) for path in self._device)}")
        identity = str(told)
        return _new_sender(identity) if len(identity) <= NAME_LIMIT else _new_sender.__wrapped__(identity)


class _Mapped(Struct, frozen=True):
    """A record, and the mapping that reads it."""

    reader: Reader
    found: Found
    body: Any
    who: Sender | Rejected


def _by_mapping(mapped: _Mapped, record: RawRecord) -> list[Opened]:
    who = mapped.who
    if isinstance(who, Rejected):
        return [who]
    told = next((t for path in mapped.reader.time if (t := find(mapped.body, path)) not in (MISSING, None)), None)
    time = record.received_at if told is None else from_any(told)
    if time is None:
        return [Rejected("open", "bad-time", detail(told), who.device)]
    values, missing = mapped.reader.read(mapped.body, mapped.found.rest, time)
    parts: list[Opened] = []
    if values or not missing:
        parts.append(Message(sender=who, time=time, values=values, quality=RECEIPT_TIME if told is None else 0))
    if missing:
        why = f"mapping {mapped.reader.mapping.name}: nothing at {', '.join(missing)}"
        parts.append(Rejected("open", "bad-path", detail(why), who.device))
    return parts


def _any(payload: bytes) -> Any:
    """Any JSON; what is none but text is that text: ``ON``."""
    try:
        return _ANY.decode(payload)
    except (DecodeError, ValueError, RecursionError):
        body = read(payload, _ANY)
    if not isinstance(body, Rejected) or payload.lstrip()[:1] in (b"{", b"[", b'"', b""):
        return body
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        return body


def _sender_of(body: Any, one: Reader, found: Found, record: RawRecord) -> Sender | Rejected:
    identity: Any = found.identity
    for path in one.device:
        told = find(body, path)
        if told is not MISSING and told is not None:
            identity = told
            break
    if isinstance(identity, (dict, list, bool)):
        return Rejected("open", "no-device", "the device is neither text nor number")
    if identity == "" and record.transport == "mqtt":
        identity = record.address.partition("/")[2]
    if identity == "":
        return Rejected("open", "no-device", f"mapping {one.mapping.name} finds none")
    return sender("json", str(identity), {**found.tags, "id": str(identity)}, name=str(identity))


@lru_cache(maxsize=65_536)
def _new_sender(identity: str) -> Sender | Rejected:
    return sender("json", identity, {"id": identity}, name=identity)


def _first(body: dict[str, Any], paths: list[list[str]]) -> Any:
    for path in paths:
        found = _at(body, path)
        if found is not None:
            return found
    return None


def _at(tree: Any, path: list[str]) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


DECODER = JsonObject
