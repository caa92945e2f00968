"""Simple IoT points: one generic type for every sensor value, as JSON over webhook and MQTT.

Source: the Simple IoT documentation of v0.18.3 and v0.25. A point is identified by node, type and key, of which an empty
key is ``0``; the newest time wins, and of equal times in one record the greater origin. The measurement is called by its
type, with another key than 0 behind a dot (``diskPercentUsed./home``), which no type or key may hold. A point with an odd
tombstone is kept with the quality bit ``deleted``: the series' history stays, ``latest_readings`` shows it no more, and an
older copy does not bring it back. The origin stands in the raw record only.

The node is the rest of the topic ``points/<node>`` or of the path ``/webhooks/points/<node>``. High-rate samples
(``wire.simpleiot_rate``) come by ``phr/<node>`` and ``/webhooks/points/phr/<node>``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.address import tail, topic
from streams.core.message import DELETED, RECEIPT_TIME, Ignored, Message, Opened, Rejected, Samples, Sender, Value
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_any
from streams.decoders.wire import simpleiot_rate

FIRST_KEY = "0"
HIGH_RATE = "phr/"
FORBIDDEN = frozenset(".*>")
"""With white space: what neither type nor key may hold."""
NO_TIME = -1

_BODY = JsonDecoder(Any)


class Point(Struct, frozen=True):
    """One point as it is read; ``time`` None: the sender told none."""

    name: str
    time: int | None
    value: Any
    deleted: bool
    origin: str


class Points:
    """Decoder of source ``points``."""

    name = "points"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key: the address alone says it."""
        who = _sender(record)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("points", source_ids.get("node"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message of the node, and a rejection for each kind of fault among its points."""
        if topic(record).startswith(HIGH_RATE):
            return [_high_rate(record)]
        body = read(record.payload, _BODY)
        if isinstance(body, Rejected):
            return [body]
        who = _sender(record)
        if isinstance(who, Rejected):
            return [who]
        items = body if isinstance(body, list) else [body]
        read_points = [_point(item) for item in items]
        good = [point for point in read_points if isinstance(point, Point)]
        bad = [point for point in read_points if isinstance(point, str)]
        parts: list[Opened] = [_message(who, good, record.received_at)] if good else []
        if bad:
            told = detail(f"{len(bad)} point(s), first: {bad[0]}")
            parts.append(Rejected("open", "bad-point", told, who.device))
        return parts or [Ignored("no-values", who)]


def _high_rate(record: RawRecord) -> Opened:
    who = _sender(record)
    if isinstance(who, Rejected):
        return who
    told = simpleiot_rate.read(record.payload)
    if isinstance(told, str):
        return Rejected("open", "bad-samples", detail(told), who.device)
    key = told.key or FIRST_KEY
    if not _may_name(told.kind) or not _may_name(key):
        return Rejected("open", "bad-point", detail(f"type {told.kind!r}, key {key!r}"), who.device)
    samples = Samples(name=_name(told.kind, key), times=told.times, values=told.values)
    return Message(sender=who, time=told.newest, blocks=[samples])


def _name(kind: str, key: str) -> str:
    return kind if key == FIRST_KEY else f"{kind}.{key}"


def _message(who: Sender, points: Iterable[Point], received_at: int) -> Message:
    newest: dict[tuple[str, int | None], Point] = {}
    for point in points:
        known = newest.get((point.name, point.time))
        if known is None or point.origin >= known.origin:
            newest[point.name, point.time] = point
    values = [_value(point, received_at) for point in newest.values()]
    return Message(sender=who, time=max(value.time for value in values), values=values)


def _value(point: Point, received_at: int) -> Value:
    quality = DELETED * point.deleted | RECEIPT_TIME * (point.time is None)
    return Value(point.name, point.value, received_at if point.time is None else point.time, quality=quality)


def _point(item: Any) -> Point | str:
    """The point, or in words why it is none."""
    if not isinstance(item, dict):
        return f"no object but {detail(item)}"
    kind, key = item.get("type"), item.get("key") or FIRST_KEY
    if not isinstance(kind, str) or not isinstance(key, str) or not _may_name(kind) or not _may_name(key):
        return f"type {detail(kind)!r}, key {detail(key)!r}"
    time = _time(item.get("time"))
    if time == NO_TIME:
        return f"{kind} has time {detail(item.get('time'))!r}"
    tombstone = item.get("tombstone") or 0
    if not isinstance(tombstone, int):
        return f"{kind} has tombstone {detail(tombstone)!r}"
    origin = item.get("origin")
    return Point(_name(kind, key), time, _content(item), tombstone % 2 == 1, origin if isinstance(origin, str) else "")


def _may_name(text: str) -> bool:
    return bool(text) and FORBIDDEN.isdisjoint(text) and not any(map(str.isspace, text))


def _time(told: Any) -> int | None:
    """None where none is told, which in Go's JSON is the year 1; ``NO_TIME`` for what is no time."""
    if told in (None, "", 0) or (isinstance(told, str) and told.startswith("0001-01-01T00:00:00")):
        return None
    time = from_any(told)
    return NO_TIME if time is None else time


def _content(item: dict[str, Any]) -> Any:
    """The text where there is one, else the value; a point without either is 0, as it is in Simple IoT."""
    text = item.get("text")
    if isinstance(text, str) and text:
        return text
    value = item.get("value")
    return 0 if value is None else value


def _sender(record: RawRecord) -> Sender | Rejected:
    whole = topic(record)
    node = whole.removeprefix(HIGH_RATE) if whole.startswith(HIGH_RATE) else tail(record)
    if not node:
        return Rejected("open", "no-device", "no node: the address is points/<node> or /webhooks/points/<node>")
    return sender("points", node, {"node": node}, name=node)


DECODER = Points()
