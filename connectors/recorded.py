"""Recorded payloads as raw records: plain files, lines of them, files of the raw archive, test vectors."""

import base64
import binascii
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from streams import archive
from streams.core.records import RawRecord, Transport
from streams.core.times import from_text
from streams.raw import opened

CONTAINER = b"Obj\x01"


class Unreadable(Exception):
    """The file is not what it was said to be; the message says why."""


class Asked(Struct, frozen=True, kw_only=True):
    """What is known of payloads that do not say it themselves; ``received_at`` in ns."""

    source: str | None
    transport: Transport
    received_at: int
    address: str = ""
    written: Literal["bytes", "hex", "base64"] = "bytes"
    lines: bool = False


def recorded(name: str, content: bytes, asked: Asked) -> Iterator[RawRecord]:
    """The raw records of one file, in order.

    Raises:
        Unreadable: see there.
    """
    if content.startswith(CONTAINER):
        yield from _archived(name, content)
    elif (vector := _vector(content)) is not None:
        earlier = [part for part in vector.get("before", ()) if _is_record(part)]
        for number, part in enumerate(earlier, 1):
            yield replace(_of_vector(name, part, asked), id=f"{name}:before:{number}")
        yield _of_vector(name, vector["record"], asked)
    else:
        yield from _payloads(name, content, asked)


def _payloads(name: str, content: bytes, asked: Asked) -> Iterator[RawRecord]:
    if asked.source is None:
        raise Unreadable(f"{name}: give --source")
    parts = [line for line in content.splitlines() if line.strip()] if asked.lines else [content]
    for number, part in enumerate(parts, 1):
        place = f"{name}:{number}" if asked.lines else name
        yield RawRecord(
            id=place,
            source=asked.source,
            transport=asked.transport,
            address=asked.address,
            received_at=asked.received_at,
            payload=_bytes(place, part, asked.written),
        )


def _bytes(place: str, part: bytes, written: str) -> bytes:
    try:
        if written == "hex":
            return bytes.fromhex(part.decode("ascii"))
        return base64.b64decode(b"".join(part.split()), validate=True) if written == "base64" else part
    except (ValueError, binascii.Error) as error:
        raise Unreadable(f"{place}: no {written}: {error}") from None


def _archived(name: str, content: bytes) -> Iterator[RawRecord]:
    try:
        for block in archive.blocks(BytesIO(content)):
            for record in block:
                found = archive.Archived(**record)
                yield opened(found.value, found.timestamp, found.offset)
    except Exception as error:  # noqa: BLE001 - each decompressor has its own kind of error for damaged bytes
        raise Unreadable(f"{name}: no file of the raw archive: {type(error).__name__}: {error}") from None


def _vector(content: bytes) -> dict[str, Any] | None:
    """An object whose ``record`` says how it came in, ``before`` what came earlier, ``expect`` what becomes of it."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) and "expect" in tree and _is_record(tree.get("record")) else None


def _is_record(told: object) -> bool:
    return isinstance(told, dict) and {"transport", "address", "received_at"} <= set(told)


def _of_vector(name: str, told: dict[str, Any], asked: Asked) -> RawRecord:
    source = asked.source or _folder(name)
    if not source:
        raise Unreadable(f"{name}: its folder names no source, so give --source")
    received = from_text(str(told["received_at"]))
    if received is None:
        raise Unreadable(f"{name}: received_at is no time")
    if "base64" in told:
        payload = _bytes(name, str(told["base64"]).encode(), "base64")
    else:
        payload = (str(told["text"]) if "text" in told else json.dumps(told.get("payload"))).encode()
    record = RawRecord(
        id=name,
        source=source,
        transport=told["transport"],
        address=str(told["address"]),
        received_at=received,
        payload=payload,
    )
    headers = {str(header): str(value) for header, value in told.get("headers", {}).items()}
    return replace(record, headers=headers, content_type=str(told.get("content_type", "")))


def _folder(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[0].rpartition("/")[2]
