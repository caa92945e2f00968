"""Routes of the caller's own: logging in and out, tokens, password."""

import time
from base64 import b64decode
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

from connectors.api import user_shapes as shapes
from connectors.api.context import By, Has, Registry, answer
from connectors.api.documents import HELD_UP, MISSING, NOT_BASIC, TAKEN
from connectors.api.gate import unavailable
from connectors.api.passwords import Busy, new_token, token_hash
from streams import metrics
from streams.core.times import DAY
from streams.core.user_record import Token, User
from streams.registry import tokens, users
from streams.registry.state import Author, Refused

router = APIRouter(tags=["tokens"])


async def _own(request: Request) -> str:
    if request.state.operator:
        raise Refused(403, "The operator of this machine has neither password nor tokens; log in as a user.")
    name: str = request.state.user
    return name


Own = Annotated[str, Depends(_own)]
"""The caller's own name; the operator, who is no user, is refused."""


@router.get("/token", response_model=shapes.Secret, responses=NOT_BASIC | HELD_UP)
async def log_in(request: Request, has: Has) -> Response:
    """Log in with HTTP Basic: a new bearer token, as a JSON string. It is shown once, kept hashed, and expires."""
    username, password = _basic(request.headers.get("authorization", ""))
    if username is None:
        return JSONResponse({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Basic"})
    address = request.client.host if request.client else ""
    if has.passwords.busy:
        return unavailable("Too many logins at once.")
    if (wait := has.guessing.admit(username, address, time.monotonic())) > 0:
        return _held_up(wait)
    known = _able(has.store.state.user(username))
    right = await has.passwords.verify(known.password if known else None, password)
    if known is None or not right:
        metrics.API_LOGINS.labels("refused").inc()
        return JSONResponse({"detail": "Invalid username or password."}, 401)
    has.guessing.succeeded(username, address)
    metrics.API_LOGINS.labels("accepted").inc()
    return answer(await _logged_in(has, known, password))


@router.delete("/token", status_code=204, response_class=Response)
async def log_out(request: Request, registry: Registry, own: Own, by: By) -> Response:
    """Log out: end the token of this request."""
    await registry.change(partial(tokens.end_one, username=own, token_hash=request.state.token, author=by))
    return Response(status_code=204)


@router.get("/whoami", response_model=shapes.Whoami)
async def whoami(request: Request, registry: Registry) -> Response:
    """Say who calls."""
    user = None if request.state.operator else users.known(registry.state, request.state.user)
    return answer(shapes.whoami(request.state.user, user, request.state.token))


@router.get("/tokens", response_model=list[shapes.ShownToken])
async def listed(request: Request, registry: Registry, own: Own) -> Response:
    """List the caller's own tokens, without their secrets."""
    return answer(shapes.tokens(users.known(registry.state, own), time.time_ns(), request.state.token))


@router.post("/tokens", status_code=201, response_model=shapes.GivenToken, responses=TAKEN)
async def create(has: Has, own: Own, by: By, body: shapes.NewToken) -> Response:
    """Make one more token for the caller, with a name. It is shown once; it may do what the caller may."""
    secret, token = fresh(has, body.name, body.days)
    await has.store.change(partial(tokens.add, username=own, token=token, author=by))
    return answer(shapes.given(token, secret), 201)


@router.delete("/tokens/{name}", status_code=204, response_class=Response, responses=MISSING)
async def end(registry: Registry, own: Own, by: By, name: str) -> Response:
    """End a token of the caller's own; `login` ends every login."""
    await registry.change(partial(tokens.end, username=own, name=name, author=by))
    return Response(status_code=204)


@router.post("/change-password", response_model=shapes.Secret)
async def change_password(
    has: Has,
    own: Own,
    by: By,
    body: shapes.OwnPassword | None = None,
    password: Annotated[
        shapes.Password | None, Query(description="as in IoTa; better in the body: addresses are logged on their way")
    ] = None,
) -> Response:
    """Change the caller's own password. Every token of theirs ends; the answer is a new one, as a JSON string."""
    if (body is None) == (password is None):
        raise RequestValidationError([_fault("give the password in the body, or in the query")])
    chosen = body.password if body is not None else password
    hashed = await has.passwords.hash(chosen.get_secret_value() if chosen else "")
    secret, token = fresh(has, tokens.LOGIN)
    await has.store.change(partial(tokens.replace_all, username=own, token=token, password_hash=hashed, author=by))
    return answer(secret)


def fresh(has: Has, name: str, days: int | None = None) -> tuple[str, Token]:
    """A new token, and what is kept of it."""
    secret, now = new_token(), time.time_ns()
    expires = now + (days or has.settings.api.token_days) * DAY
    return secret, Token(name=name, hash=token_hash(secret), created_at=now, expires_at=expires)


async def busy(_: Request, error: Exception) -> Response:
    """503 for ``Busy``."""
    assert isinstance(error, Busy)  # noqa: S101 - registered for this class only
    return unavailable("Too many passwords at once.")


async def _logged_in(has: Has, known: User, password: str) -> str:
    renewed = await has.passwords.renewed(known.password, password)
    secret, token = fresh(has, tokens.LOGIN)
    author = Author(known.username, token.created_at, "login")
    give = partial(tokens.log_in, username=known.username, verified=known.password, renewed=renewed, token=token)
    await has.store.change(partial(give, author=author))
    return secret


def _able(user: User | None) -> User | None:
    return user if user is not None and user.valid else None


def _held_up(wait_s: float) -> Response:
    metrics.API_LOGINS.labels("held up").inc()
    seconds = int(wait_s) + 1
    return JSONResponse(
        {"detail": f"Too many failed logins; try again in {seconds} s."}, 429, {"Retry-After": str(seconds)}
    )


def _fault(message: str) -> dict[str, Any]:
    return {"type": "missing", "loc": ("body", "password"), "msg": message}


def _basic(header: str) -> tuple[str | None, str]:
    """Name and password; a password may hold colons."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None, ""
    return (name, password) if scheme.lower() == "basic" and colon else (None, "")
