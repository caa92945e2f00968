"""The three calls to Ubidots, at the rate that its limit allows."""

import re
import time
from collections.abc import Sequence
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
BLAMED = (204, 400, 413, 422, 423)
"""What Ubidots says of a request or of its device: 204, a field is wrong and nothing is kept; 423, the device is switched
off there. Any other status may be a gateway's, or waits for a person (token, plan, permission): no record is to blame."""
UNKNOWN = 404
"""Of a device that is asked for. Dots create theirs: of them only when Ubidots says so itself, or when the label is none."""
BLAMED_INSIDE = (*BLAMED, UNKNOWN)
"""of a dot within an answer, which nobody but Ubidots gives"""
OF_DEVICE = (UNKNOWN, 423)
"""said of a whole request, they are said of its device: of each of its records"""
LABEL = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.:-]+")
"""What Ubidots' routes know. To any other label they answer as to a path that is none: with a page, like a gateway's."""
LONGEST_WAIT_S = 300.0
"""whatever Retry-After says: a gateway's day is not waited for when Ubidots is well again"""


class Refused(Exception):
    """Ubidots will never take this request; ``status`` is its HTTP status, ``of_device``: it is said of all of the device."""

    def __init__(self, status: int, detail: str, *, of_device: bool = False) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status, self.of_device = status, of_device


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
        path = f"/api/v1.6/devices/{quote(label, safe='')}"
        blamed = BLAMED if LABEL.fullmatch(label) else (*BLAMED, UNKNOWN)
        _check_inside(self._call("POST", path, body, blamed), f"POST {path}")

    def patch(self, label: str, body: bytes) -> None:
        """Change a device's details."""
        self._call("PATCH", _device(label), body, (*BLAMED, UNKNOWN))

    def get(self, label: str) -> dict[str, Any]:
        """The device as Ubidots shows it."""
        return self._call("GET", _device(label), None, (*BLAMED, UNKNOWN))

    def close(self) -> None:
        """Let go of the connection; safe to call twice."""
        self._client.close()

    def _call(self, method: str, path: str, body: bytes | None, blamed: Sequence[int]) -> dict[str, Any]:
        self._await_token()
        call, response = f"{method} {path}", self._answer(method, path, body)
        if not response.is_success or response.status_code in blamed:
            raise _refusal(response, blamed) or _passing(response, call)
        answer = _object(response, call)
        progress.HERE.beat()  # at some requests a second a batch may take minutes
        return answer

    def _answer(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        try:
            return self._client.request(method, path, content=body)
        except httpx.HTTPError as error:
            raise Transient(f"{method} {path}: {type(error).__name__} {error}") from error

    def _await_token(self) -> None:
        pause_s = self._free_at - time.monotonic()
        if self.interrupted.wait(max(0.0, pause_s)):
            raise Transient("interrupted")
        self._free_at = time.monotonic() + self._interval_s


def _refusal(response: httpx.Response, blamed: Sequence[int]) -> Refused | None:
    status = response.status_code
    if status in blamed or (status == UNKNOWN and _is_ubidots_own(response)):
        return Refused(status, _beginning(response), of_device=status in OF_DEVICE)
    return None


def _passing(response: httpx.Response, call: str) -> Transient:
    return Transient(f"{call}: HTTP {response.status_code} {_beginning(response)}", retry_after(response))


def _is_ubidots_own(response: httpx.Response) -> bool:
    """Ubidots says ``detail``, or a ``code`` such as 404001; gateways have pages, messages and other codes."""
    answer = _json(response)
    return isinstance(answer, dict) and ("detail" in answer or str(answer.get("code")).startswith(str(UNKNOWN)))


def _object(response: httpx.Response, call: str) -> dict[str, Any]:
    """Ubidots answers each of the calls with an object. A gateway's page, or nothing, says of no dot that it is kept."""
    answer = _json(response)
    if not isinstance(answer, dict):
        raise Transient(f"{call}: HTTP {response.status_code} without an object of Ubidots': {_beginning(response)}")
    return answer


def _json(response: httpx.Response) -> object:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:  # nested too deeply, too
        return None


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


def _check_inside(answer: dict[str, Any], call: str) -> None:
    """Ubidots answers 200 with a status per dot: `{"temperature": [{"status_code": 201}]}`.

    What passes with time comes first: the rest is told again when it has passed.
    """
    dots = [(name, dot) for name, found in answer.items() for dot in (found if isinstance(found, list) else [found])]
    failed = [(dot["status_code"], name, dot) for name, dot in dots if _is_failure(dot)]
    if failed:
        status, name, dot = min(failed, key=lambda one: one[0] in BLAMED_INSIDE)
        detail = f"of variable {name}: {dot}"[:300]
        raise Refused(status, detail) if status in BLAMED_INSIDE else Transient(f"{call}: HTTP {status} {detail}")


def _is_failure(dot: object) -> bool:
    status = dot.get("status_code") if isinstance(dot, dict) else None
    return isinstance(status, int) and (status >= 300 or status in BLAMED)


def _device(label: str) -> str:
    return f"/api/v2.0/devices/~{quote(label, safe='')}"
