"""Signed messages over MQTT or ``POST /webhooks/signed/<topic>``: source ``signed``.

What a topic may say, and with which keys, is registered (topic `signed-topics`); what is not registered waits as a dead
letter. The time is ``ts`` (s) and ``ts_ns`` (0 to 999,999,999) of the payload. Members beside ``hmac`` and ``payload``
are not signed, and not read.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from streams.core import signature, strict_json
from streams.core.message import Message, Opened, Rejected, Sender, Value
from streams.core.options import Options
from streams.core.payload import detail
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.signed_topic import SignedField, SignedTopic
from streams.core.strict_json import Node
from streams.core.times import SECOND

WEBHOOK = "/webhooks/signed/"
TIMES = ("ts", "ts_ns")
TS_LIMIT = 1 << 40
SIZE_LIMIT = 1_000_000
"""bytes; who knows no key could make this process write megabytes anew, several ways"""
"""Seconds; what fits it fits 64 bits as ns by far, and the core judges whether it can be a time of a measurement."""
TYPES: dict[str, tuple[type, ...]] = {"float": (float, int), "int": (int,), "str": (str,), "bool": (bool,)}


class Signed:
    """Decoder of source ``signed``."""

    name = "signed"
    version = 1

    def __init__(self, options: Options) -> None:
        self._topics = {entry.topic: entry for entry in options.signed_topics}

    def key(self, record: RawRecord) -> str | None:
        """The device key: the topic's; no payload is looked at."""
        who = sender(self.name, topic_of(record), {})
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named(self.name, source_ids.get("topic"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message: what is registered, signed, and as it was agreed on."""
        topic = topic_of(record)
        entry = self._topics.get(topic)
        who = self._sender(topic, entry)
        if isinstance(who, Rejected):
            return [who]
        if entry is None:
            return [Rejected("open", "unregistered-topic", detail(topic), who.device)]
        return [_open(record, entry, who)]

    def _sender(self, topic: str, entry: SignedTopic | None) -> Sender | Rejected:
        ids = {"topic": topic}
        if entry is not None:
            ids |= {"dataset": entry.dataset} | {f"tag.{name}": value for name, value in entry.tags.items()}
        return sender(self.name, topic, ids, name=topic)


def topic_of(record: RawRecord) -> str:
    """The MQTT topic, or what follows ``/webhooks/signed/``; empty where nothing does."""
    if record.transport != "http":
        return record.address
    return record.address.removeprefix(WEBHOOK) if record.address.startswith(WEBHOOK) else ""


def _open(record: RawRecord, entry: SignedTopic, who: Sender) -> Opened:
    read = _read(record.payload)
    fault = read if isinstance(read, Rejected) else _unsigned(read[0], read[1], entry, record.received_at)
    if fault is None and not isinstance(read, Rejected):
        fields = dict(read[0].members["payload"].value)
        time = _time(fields)
        fault = time if isinstance(time, Rejected) else _stale(time, entry, record.received_at) or _unfit(fields, entry)
        if fault is None and isinstance(time, int):
            return Message(sender=who, time=time, values=_values(fields, entry, time))
    assert fault is not None  # noqa: S101 - for the type checker
    return Rejected(fault.stage, fault.reason, detail(fault.detail), who.device)


def _read(payload: bytes) -> tuple[Node, str] | Rejected:
    if len(payload) > SIZE_LIMIT:
        return Rejected("open", "too-large", f"{len(payload)} bytes, at most {SIZE_LIMIT} are read")
    if not payload.strip():
        return Rejected("open", "empty-payload", f"{len(payload)} bytes")
    try:
        text = payload.decode()
        node = strict_json.read(text)
    except ValueError as error:
        return Rejected("open", "bad-json", str(error))
    body = node.members.get("payload")
    if body is None or not isinstance(body.value, dict):
        return Rejected("open", "bad-envelope", "no object with an object called payload")
    return node, text


def _unsigned(body: Node, text: str, entry: SignedTopic, received_at: int) -> Rejected | None:
    """Why the message is nobody's; keys count at the time of receipt, which no sender can choose."""
    told = body.value.get("hmac")
    fault = signature.fault(told)
    if fault is not None:
        return Rejected("open", "hmac", fault)
    keys = [key for key in entry.keys if key.counts_at(received_at)]
    if any([signature.is_signed(body.members["payload"], text, told, key.key) for key in keys]):  # noqa: C419 - no early end
        return None
    return Rejected("open", "hmac", f"signed with none of {len(keys)} key(s) that counted when it was received")


def _time(fields: dict[str, Any]) -> int | Rejected:
    seconds, nanoseconds = fields.get("ts"), fields.get("ts_ns")
    if type(seconds) is not int or not 0 <= seconds < TS_LIMIT:
        return Rejected("open", "bad-time", f"ts is no integer of seconds: {_clean(seconds)}")
    if type(nanoseconds) is not int or not 0 <= nanoseconds < SECOND:
        return Rejected("open", "bad-time", f"ts_ns is no integer from 0 to 999999999: {_clean(nanoseconds)}")
    return seconds * SECOND + nanoseconds


def _stale(time: int, entry: SignedTopic, received_at: int) -> Rejected | None:
    apart = abs(received_at - time)
    if not entry.freshness or apart <= entry.freshness * SECOND:
        return None
    return Rejected("open", "stale", f"{apart / SECOND:.3f} s from receipt, allowed are {entry.freshness} s")


def _unfit(fields: dict[str, Any], entry: SignedTopic) -> Rejected | None:
    """The first field that is not as registered, by its name."""
    for known in entry.fields:
        fault = _misfit(fields.get(known.name), known) if known.name in fields else _missing(known)
        if fault:
            return Rejected("open", "schema", f"{known.name}: {fault}")
    extra = None if entry.extra_fields else _first_extra(fields, entry.fields)
    return None if extra is None else Rejected("open", "schema", f"{_clean(extra)}: is not registered")


def _missing(known: SignedField) -> str | None:
    return "is missing" if known.required else None


def _misfit(value: Any, known: SignedField) -> str | None:
    kinds = TYPES[known.type]
    if type(value) not in kinds:
        return f"is no {known.type}: {_clean(value)}"
    if known.min is not None and value < known.min:
        return f"{_clean(value)} is below {known.min:g}"
    if known.max is not None and value > known.max:
        return f"{_clean(value)} is above {known.max:g}"
    return None


def _first_extra(fields: dict[str, Any], known: Iterable[SignedField]) -> str | None:
    names = {*TIMES, *(field.name for field in known)}
    return min((name for name in fields if name not in names), default=None)


def _values(fields: dict[str, Any], entry: SignedTopic, time: int) -> list[Value]:
    known = {field.name: field for field in entry.fields}
    return [
        Value(_clean(name), _typed(value, known.get(name)), time, known[name].unit if name in known else "")
        for name, value in fields.items()
        if name not in TIMES
    ]


def _typed(value: Any, known: SignedField | None) -> Any:
    """A float that was written without a point, as JavaScript writes 1e20, is a number and no long text of digits."""
    if known is None or known.type != "float":
        return _tidy(value)
    try:
        return float(value)
    except OverflowError:
        return value


def _tidy(value: Any) -> Any:
    """Without halves of surrogate pairs, which no text of the store may hold."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return [_tidy(part) for part in value]
    if isinstance(value, dict):
        return {_clean(name): _tidy(part) for name, part in value.items()}
    return value


def _clean(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


DECODER = Signed
