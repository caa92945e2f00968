"""JSON payloads: read as they are sent, which is not always as they should be.

Strict JSON is read at full speed. What strict JSON refuses is tried once more the forgiving way: a byte order mark,
UTF-16, NaN and Infinity are read; a lone surrogate becomes ``?``. Of a repeated key the last one counts.
"""

import json
from typing import TypeVar

import msgspec

from streams.core.message import Rejected

T = TypeVar("T")

DETAIL_LIMIT = 300


def read(payload: bytes, decoder: msgspec.json.Decoder[T]) -> T | Rejected:
    """The payload as the decoder's type; rejected as ``empty-payload``, ``bad-json`` or ``bad-envelope``."""
    try:
        return decoder.decode(payload)
    except (ValueError, RecursionError):
        return _read_forgiving(payload, decoder.type)


def detail(value: object) -> str:
    """Something foreign as a dead letter's detail: short."""
    text = str(value)
    return text if len(text) <= DETAIL_LIMIT else text[:DETAIL_LIMIT] + "…"


def _read_forgiving(payload: bytes, kind: type[T]) -> T | Rejected:
    if not payload.strip():
        return Rejected("open", "empty-payload", f"{len(payload)} bytes")
    try:
        tree = json.loads(payload)
        if not _is_text(tree):
            tree = json.loads(json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return Rejected("open", "bad-json", detail(error))
    try:
        return msgspec.convert(tree, kind)
    except (ValueError, RecursionError) as error:
        return Rejected("open", "bad-envelope", detail(error))


def _is_text(tree: object) -> bool:
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
