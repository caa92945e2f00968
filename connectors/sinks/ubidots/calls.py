"""The three calls to Ubidots, at the rate that its limit allows."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from math import isfinite
from threading import Event
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from connectors.sinks.base import Transient
from streams import progress
from streams.settings import UbidotsSettings

TIMEOUT_S = 10.0
OURS_TO_FIX = (401, 402, 403)
"""token, plan or permission: no fault of the record's, so it waits until a person has acted"""
LONGEST_WAIT_S = 300.0
"""whatever Retry-After says: a gateway's day is not waited for when Ubidots is well again"""
LATER = (408, 425, 429)


class Refused(Exception):
    """Ubidots will never take this request; ``status`` is its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status


class Calls:
    """Calls block until the token bucket gives a token. ``interrupt`` ends the waiting of the call under way.

    Raises (each call):
        Transient: no answer, not now, or not with this token.
        Refused: never.
    """

    def __init__(self, settings: UbidotsSettings, token: str) -> None:
        headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
        self._client = httpx.Client(base_url=settings.url, headers=headers, timeout=TIMEOUT_S)
        self._interval_s = 1 / settings.requests_per_s
        self._free_at = 0.0
        self.interrupted = Event()

    def post(self, label: str, body: bytes) -> None:
        """Send dots; an unknown device is created by it."""
        answer = self._call("POST", f"/api/v1.6/devices/{quote(label, safe='')}", body)
        failed = _failed_inside(answer)
        if failed:
            raise Refused(400, f"of the variables: {failed}")

    def patch(self, label: str, body: bytes) -> None:
        """Change a device's details."""
        self._call("PATCH", _device(label), body)

    def get(self, label: str) -> dict[str, Any]:
        """The device as Ubidots shows it."""
        return self._call("GET", _device(label), None)

    def close(self) -> None:
        """Let go of the connection; safe to call twice."""
        self._client.close()

    def _call(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        self._await_token()
        try:
            response = self._client.request(method, path, content=body)
        except httpx.HTTPError as error:
            raise Transient(f"{method} {path}: {type(error).__name__} {error}") from error
        _check(response, f"{method} {path}")
        answer = _object(response, f"{method} {path}")
        progress.HERE.beat()  # at some requests a second a batch may take minutes
        return answer

    def _await_token(self) -> None:
        pause_s = self._free_at - time.monotonic()
        if self.interrupted.wait(max(0.0, pause_s)):
            raise Transient("interrupted")
        self._free_at = time.monotonic() + self._interval_s


def _check(response: httpx.Response, call: str) -> None:
    status = response.status_code
    if status < 300:
        return
    detail = _beginning(response)
    if status < 400 or status >= 500 or status in LATER or status in OURS_TO_FIX:
        raise Transient(f"{call}: HTTP {status} {detail}", retry_after(response))
    raise Refused(status, detail)


def _object(response: httpx.Response, call: str) -> dict[str, Any]:
    """Ubidots answers each of the calls with an object. A gateway's page, or nothing, says of no dot that it is kept."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:  # nested too deeply, too
        answer = None
    if not isinstance(answer, dict):
        raise Transient(f"{call}: HTTP {response.status_code} without an object of Ubidots': {_beginning(response)}")
    return answer


def _beginning(response: httpx.Response) -> str:
    """Whatever charset it claims."""
    return response.content[:300].decode(errors="replace")


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the answer asks to wait, 0 to 300; None when it asks for nothing that can be waited for."""
    asked = _asked(response)
    return min(max(0.0, asked), LONGEST_WAIT_S) if asked is not None and isfinite(asked) else None


def _asked(response: httpx.Response) -> float | None:
    """A number, or a date (RFC 9110, 10.2.3), read by the clock of who wrote it."""
    asked = response.headers.get("Retry-After", "")
    with suppress(ValueError):
        return float(asked)
    with suppress(ValueError, TypeError, OverflowError):
        now = response.headers.get("Date") or format_datetime(datetime.now(UTC))
        return (parsedate_to_datetime(asked) - parsedate_to_datetime(now)).total_seconds()
    return None


def _failed_inside(answer: dict[str, Any]) -> dict[str, object]:
    """Ubidots answers 200 with a status per dot: `{"temperature": [{"status_code": 201}]}`."""
    return {name: dots for name, dots in answer.items() if isinstance(dots, list) and any(map(_is_failure, dots))}


def _is_failure(dot: object) -> bool:
    return isinstance(dot, dict) and isinstance(dot.get("status_code"), int) and dot["status_code"] >= 400


def _device(label: str) -> str:
    return f"/api/v2.0/devices/~{quote(label, safe='')}"
