"""How a webhook's sender proves itself: bearer token, user and password, or a signature over the raw body."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from streams.settings import WebhookAuth


def challenge(auth: WebhookAuth) -> str:
    """The WWW-Authenticate header that says what is asked for."""
    if auth.bearer:
        return 'Bearer realm="isthmus"'
    if auth.basic:
        return 'Basic realm="isthmus", charset="UTF-8"'
    return f'HMAC-SHA256 realm="isthmus", header="{auth.hmac_header}"'


def proven(auth: WebhookAuth, headers: Mapping[str, str], body: bytes | None) -> bool:
    """Whether the sender is who it must be; every comparison takes the same time for any guess.

    ``body`` None: it has not been read yet, and a signature over it is taken for granted until it has.
    """
    if auth.hmac:
        return body is None or _signed(auth.hmac.get_secret_value(), headers.get(auth.hmac_header, ""), body)
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if auth.bearer:
        return scheme.lower() == "bearer" and _same(credentials.strip(), auth.bearer.get_secret_value())
    assert auth.basic is not None  # noqa: S101 - the settings hold exactly one of the three
    return scheme.lower() == "basic" and _same(_decoded(credentials), auth.basic.get_secret_value())


def _signed(key: str, signature: str, body: bytes) -> bool:
    expected = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return _same(signature.strip().lower().removeprefix("sha256="), expected)


def _same(given: str, expected: str) -> bool:
    """Header values are bytes, shown as Latin-1 [RFC 9110, 5.5]."""
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode())


def _decoded(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""
