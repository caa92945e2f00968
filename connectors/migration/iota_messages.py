"""IoTa's raw messages -> raw records that our decoders read. Pure.

PostgreSQL keeps JSON by its own order of members, with blanks; numbers and texts stay as they were written. What IoTa put
around a message is taken off; what it kept of a message's origin only in its device is put back.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from connectors.migration.iota_tables import Row
from connectors.migration.iota_values import Unfit, number, time
from streams.core.records import RawRecord, Transport
from streams.decoders.axistech import COLUMNS
from streams.decoders.ict_mqtt import TOPIC

CONNECTOR = "import-iota"
_BLANKS = re.compile(rb'("(?:[^"\\]|\\.)*+")|[ \t\r\n]+')
_NAMESPACE = uuid.UUID("6f1d3c52-6f0f-4c1e-9d0f-2f6f5a3c7b10")
AXISTECH = {name: column for column, name in COLUMNS.items()}


class Origin(Struct, frozen=True):
    """What the tables know of a physical device."""

    name: str
    source_ids: Mapping[str, str]


class _Wrapped(Struct, frozen=True):
    """What IoTa puts around some messages."""

    broker_correlation_id: Any
    raw_msg: Raw


Origins = Mapping[int, Origin]
Member = dict[str, Raw]
_WRAPPED, _MEMBERS, _ROWS = (
    msgspec.json.Decoder(_Wrapped),
    msgspec.json.Decoder(Member),
    msgspec.json.Decoder(list[Member]),
)
Place = Callable[[bytes, Origin | None], tuple[bytes, str]]
"""The payload as IoTa kept it -> as it came, and the address that it came to."""


def record_of(row: Row, origins: Origins) -> RawRecord:
    """The raw record of a row of ``raw_messages``.

    Raises:
        Unfit: the row has no time or nothing in it.
    """
    uid, received, source = number(row["uid"]), time(row["ts"]), row["source_name"]
    content = _content(row)
    if received is None or source is None or content is None:
        raise Unfit("no time, source or message")
    transport, place = KINDS.get(source, ("file", _as_it_is))
    physical = row.get("physical_uid")
    payload, address = place(_unwrapped(content), origins.get(int(physical)) if physical else None)
    return RawRecord(
        id=row.get("correlation_id") or str(uuid.uuid5(_NAMESPACE, f"{source}/{uid}")),
        source=source,
        transport=transport,
        address=address or f"iota/{source}",
        received_at=received,
        content_type="application/json" if payload[:1] in b"{[" and payload else "",
        headers={"iota-uid": str(uid)},
        connector=CONNECTOR,
        payload=payload,
    )


def _content(row: Row) -> bytes | None:
    told = row.get("json_msg")
    if told is not None:
        return compact(told.encode())
    text = row.get("text_msg")
    return None if text is None else text.encode()


def compact(document: bytes) -> bytes:
    """JSON without blanks between its tokens; every number and text as it was written."""
    return _BLANKS.sub(rb"\1", document)


def _unwrapped(content: bytes) -> bytes:
    """Without IoTa's correlation id around it; JSON that was kept as a JSON text is JSON again."""
    try:
        inner = bytes(_WRAPPED.decode(content).raw_msg) if content[:1] == b"{" else content
    except msgspec.MsgspecError:
        inner = content
    if inner[:1] != b'"':
        return inner
    try:
        return str(json.loads(inner)).encode()
    except ValueError:
        return inner


def _as_it_is(payload: bytes, _: Origin | None) -> tuple[bytes, str]:
    return payload, ""


def _to(address: str) -> Place:
    return lambda payload, _: (payload, address)


def _ydoc(payload: bytes, _: Origin | None) -> tuple[bytes, str]:
    """A set's ``$msg`` ends it, and PostgreSQL has moved it: it comes last, so that no value is lost to it."""
    try:
        body = _MEMBERS.decode(payload)
        serial = _MEMBERS.decode(body["device"])["sn"]
        if b'"$msg"' in payload:
            sets = [dict(sorted(told.items(), key=_mark)) for told in _ROWS.decode(body["data"])]
            body["data"] = Raw(msgspec.json.encode(sets))
            payload = msgspec.json.encode(body)
        return payload, f"YDOC/{bytes(serial).decode().strip(chr(34))}"
    except (msgspec.MsgspecError, KeyError):
        return payload, "YDOC"


def _mark(member: tuple[str, Raw]) -> int:
    return {"$ts": -1, "$msg": 1}.get(member[0].lower(), 0)


def _ict_mqtt(payload: bytes, origin: Origin | None) -> tuple[bytes, str]:
    """The topic stands in the device only."""
    topic = "" if origin is None else origin.source_ids.get("topic") or f"{TOPIC}{origin.name}"
    return payload, topic


def _eagleio(payload: bytes, _: Origin | None) -> tuple[bytes, str]:
    return (payload if payload[:1] == b"[" else b"[%s]" % payload), ""


def _axistech(payload: bytes, _: Origin | None) -> tuple[bytes, str]:
    """A row of a station, or what IoTa made of one, becomes the answer that had it."""
    try:
        told = _MEMBERS.decode(payload)
        if "data" in told:
            return payload, ""
        row = told if "code" in told else _row(told)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return payload, ""
    return b'{"data":{"iota":{"weather":[%s]}}}' % msgspec.json.encode(row), ""


class _Dot(Struct, frozen=True):
    name: str
    value: Raw


def _row(told: Member) -> dict[str, Any]:
    serial = msgspec.json.decode(_MEMBERS.decode(told["source_ids"])["serial_no"])
    dots = msgspec.json.decode(told["timeseries"], type=list[_Dot])
    named = {AXISTECH[dot.name]: dot.value for dot in dots if dot.name in AXISTECH}
    return {"code": serial, "time": told["timestamp"]} | named


KINDS: dict[str, tuple[Transport, Place]] = {
    "ttn": ("http", _to("/ttn/webhook/up")),
    "ydoc": ("mqtt", _ydoc),
    "wombat": ("mqtt", _to("wombat")),
    "dragino_json": ("mqtt", _to("dragino_up")),
    "ict_mqtt": ("mqtt", _ict_mqtt),
    "ict_eagleio": ("poll", _eagleio),
    "greenbrain": ("poll", _as_it_is),
    "axistech": ("poll", _axistech),
}
"""Source -> how its messages came, and how to make them again."""
