r"""Signed messages: ``{"hmac": "<base64>", "payload": {…}}``, HMAC-SHA-256 over the canonical text of ``payload``.

Canonical is the text without whitespace, names in order of their code points at every level, as Python's
``json.dumps(payload, sort_keys=True, separators=(",", ":"))`` writes it. Other languages write the same values otherwise
(``20`` for 20.0, ``°`` for ``\u00b0``), order names by UTF-16, or cannot order them, so several texts are tried. They all say
what was received: no other payload gets through.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from streams.core import strict_json
from streams.core.strict_json import Node

DIGEST_BYTES = 32
_ASTRAL = re.compile("[\U00010000-\U0010ffff]|\\\\u[dD][89abAB]").search
"""as it is, or escaped"""


def sign(payload: Mapping[str, Any], key: str) -> str:
    """The digest of a payload, as a sender that follows the recipe makes it.

    Raises:
        ValueError: the payload holds NaN or Infinity.
    """
    return _digest(_by_recipe(payload, escaped=True).encode(), key)


def message(payload: Mapping[str, Any], key: str) -> bytes:
    """A whole signed message."""
    return json.dumps({"hmac": sign(payload, key), "payload": payload}, allow_nan=False).encode()


def fault(digest: object) -> str | None:
    """Why this can be nobody's digest; None when it can be one."""
    if not isinstance(digest, str):
        return "no hmac" if digest is None else "hmac is no text"
    try:
        told = b64decode(digest.encode("ascii"), validate=True)
    except ValueError:
        return "hmac is no base64"
    if len(told) != DIGEST_BYTES:
        return f"hmac has {len(told)} bytes, not {DIGEST_BYTES}"
    return None if b64encode(told).decode() == digest else "hmac is no base64"


def is_signed(payload: Node, received: str, digest: str, key: str) -> bool:
    """Whether the digest is that of the payload, which stands in ``received``; takes the same time for near and far."""
    told = digest.encode("utf-8", "replace")
    return any([hmac.compare_digest(_digest(text, key).encode(), told) for text in texts(payload, received)])  # noqa: C419 - no early end


def texts(payload: Node, received: str) -> Iterator[bytes]:
    """What a sender may have signed: in order and as written, exactly as received, as Python writes it (both ways).

    Where a character beyond U+FFFF may stand in a name, also in JavaScript's order.
    """
    exact = received[payload.start : payload.end]
    forms = {
        payload.canonical: None,
        exact: None,
        _by_recipe(payload.value, escaped=True): None,
        _by_recipe(payload.value, escaped=False): None,
    }
    if _ASTRAL(exact):
        forms[strict_json.read(exact, strict_json.utf_16).canonical] = None
    for form in forms:
        try:
            yield form.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, unescaped: nobody can have signed that
            continue


def _by_recipe(payload: object, *, escaped: bool) -> str:
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped, allow_nan=False)


def _digest(text: bytes, key: str) -> str:
    return b64encode(hmac.digest(key.encode("utf-8", "surrogatepass"), text, sha256)).decode()
