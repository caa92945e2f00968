"""Sparkplug payloads, written by hand from the specification: what the decoder reads was not made by its own code."""

import struct
from collections.abc import Sequence

MS = 1_715_382_000_000
"""2024-05-10T23:00:00Z in ms since the epoch"""


def payload(metrics: Sequence[bytes] = (), timestamp: int | None = MS, seq: int = 0, uuid: str = "") -> bytes:
    head = number(1, timestamp) if timestamp is not None else b""
    return head + b"".join(field(2, one) for one in metrics) + number(3, seq) + (text(4, uuid) if uuid else b"")


def metric(
    name: str = "",
    value: bytes = b"",
    *,
    alias: int | None = None,
    datatype: int | None = None,
    timestamp: int | None = None,
    unit: str = "",
) -> bytes:
    """``value`` is one of the fields below, empty for none."""
    parts = text(1, name) if name else b""
    parts += b"" if alias is None else number(2, alias)
    parts += b"" if timestamp is None else number(3, timestamp)
    parts += b"" if datatype is None else number(4, datatype)
    if unit:
        parts += field(
            9,
            text(1, "readOnly")
            + text(1, "engUnit")
            + field(2, number(1, 11) + number(7, 1))
            + field(2, number(1, 12) + text(8, unit)),
        )
    return parts + value


def integer(value: int) -> bytes:
    return number(10, value & 0xFFFFFFFF)


def long(value: int) -> bytes:
    return number(11, value & 0xFFFFFFFFFFFFFFFF)


def single(value: float) -> bytes:
    return bytes([12 << 3 | 5]) + struct.pack("<f", value)


def double(value: float) -> bytes:
    return bytes([13 << 3 | 1]) + struct.pack("<d", value)


def boolean(value: bool) -> bytes:
    return number(14, int(value))


def string(value: str) -> bytes:
    return text(15, value)


NULL = b"\x38\x01"
"""is_null"""


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def text(tag: int, value: str) -> bytes:
    return field(tag, value.encode())


def field(tag: int, content: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
