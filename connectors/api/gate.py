"""What every request passes: IoTa's paths become ours, and only known callers come further.

Source of the behaviour: IoTa's REST API. 401 and 403 have an empty body, but for a living token behind another word than
Bearer; repaired: an outage is 503, never 401; a path
is the same with and without its last slash, without redirect.
"""

import hmac
import time
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.api.passwords import token_hash
from streams.core.user_record import User
from streams.registry.store import Store
from streams.registry.users import ADMIN, OPERATOR

IOTA = "/broker"
OPEN = frozenset({("GET", "/api/token")})
MOVED = {"/api/docs": "/docs", "/api/openapi.json": "/openapi.json"}
READING = frozenset({"GET", "HEAD", "OPTIONS"})
OWN = frozenset({"/api/change-password", "/api/token", "/api/tokens"})
"""What who may only read may change all the same: their own password and tokens."""


class Caller(NamedTuple):
    """Who calls, with which token (its hash)."""

    name: str
    admin: bool
    token: str
    operator: bool = False


class Gate:
    """ASGI middleware.

    Sets ``state.user``, ``state.admin``, ``state.operator``, ``state.token`` (its hash), ``state.iota`` and ``state.path`` (as
    the caller wrote it).
    """

    def __init__(self, application: ASGIApp, store: Store, operator: str) -> None:
        self._application, self._store, self._operator = application, store, operator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        inner = _inner(scope)
        await (self._refusal(inner) or self._application)(inner, receive, send)

    def _refusal(self, scope: dict[str, Any]) -> Response | None:
        path: str = scope["path"]
        if not path.startswith("/api/"):
            return None
        if not self._store.folded:
            return unavailable("The registry is not read yet.")
        return None if (scope["method"], path) in OPEN else self._admitted(scope)

    def _admitted(self, scope: dict[str, Any]) -> Response | None:
        scheme, _, token = _header(scope, b"authorization").partition(" ")
        caller = self._caller(token)
        if caller is None:
            return Response(status_code=401)
        scope["state"] |= {
            "user": caller.name,
            "admin": caller.admin,
            "operator": caller.operator,
            "token": caller.token,
        }
        if not caller.admin and scope["method"] not in READING and not _is_own(scope["path"]):
            return Response(status_code=403)
        if scheme.lower() != "bearer":
            return JSONResponse({"detail": "Invalid authentication credentials"}, 403)
        return None

    def _caller(self, token: str) -> Caller | None:
        if not token:
            return None
        digest = token_hash(token)
        if hmac.compare_digest(token.encode(), self._operator.encode()):
            return Caller(OPERATOR, admin=True, token=digest, operator=True)
        user = self._store.state.bearer(digest)
        return Caller(user.username, user.role == ADMIN, digest) if user is not None and _holds(user, digest) else None


def unavailable(detail: str) -> JSONResponse:
    """503: try again."""
    return JSONResponse({"detail": detail}, 503, {"Retry-After": "1"})


def _inner(scope: Scope) -> dict[str, Any]:
    written: str = scope["path"]
    iota = written.startswith(f"{IOTA}/api")
    path = (written.removeprefix(IOTA) if iota else written).rstrip("/") or "/"
    state = {**scope.get("state", {}), "iota": iota, "path": written}
    return {**scope, "path": MOVED.get(path, path), "state": state}


def _header(scope: Scope, name: bytes) -> str:
    value: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return value.decode("latin-1")


def _is_own(path: str) -> bool:
    return path in OWN or path.startswith("/api/tokens/")


def _holds(user: User, digest: str) -> bool:
    now = time.time_ns()
    return user.valid and any(hmac.compare_digest(t.hash, digest) and t.expires_at > now for t in user.tokens)
