"""What a door makes of a message: a raw record with an id, the time of receipt and bounded headers."""

import os
import time
import uuid
from collections.abc import Iterable

from streams.core.records import RawRecord, Transport

MAX_HEADERS = 40
MAX_HEADER_CHARS = 1024


def receive(
    source: str,
    transport: Transport,
    address: str,
    payload: bytes,
    *,
    headers: Iterable[tuple[str, str]] = (),
    content_type: str = "",
    connector: str = "",
) -> RawRecord:
    """The raw record of a message that came in now."""
    now = time.time_ns()
    return RawRecord(
        id=uuid7(now),
        source=source,
        transport=transport,
        address=address,
        received_at=now,
        content_type=content_type[:MAX_HEADER_CHARS],
        headers=bounded(headers),
        connector=connector,
        payload=payload,
    )


def bounded(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first ``MAX_HEADERS`` headers, names and values cut at ``MAX_HEADER_CHARS``; repeated names are joined by commas."""
    kept: dict[str, str] = {}
    for full_name, value in headers:
        name = full_name[:MAX_HEADER_CHARS]
        if name in kept:
            kept[name] = f"{kept[name]}, {value}"[:MAX_HEADER_CHARS]
        elif len(kept) < MAX_HEADERS:
            kept[name] = value[:MAX_HEADER_CHARS]
    return kept


def uuid7(now_ns: int) -> str:
    """A UUID that sorts by time (RFC 9562, version 7): milliseconds, then 74 random bits."""
    milliseconds = now_ns // 1_000_000 & (1 << 48) - 1
    noise = int.from_bytes(os.urandom(10), "big")
    number = milliseconds << 80 | 7 << 76 | (noise >> 68) << 64 | 2 << 62 | noise & (1 << 62) - 1
    return str(uuid.UUID(int=number))
