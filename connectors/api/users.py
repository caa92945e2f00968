"""Routes of users, and the token that they log in for."""

import time
from base64 import b64decode
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from connectors.api import bodies, shapes
from connectors.api.context import ADMINS, By, Has, Registry, answer, created
from connectors.api.passwords import new_token, token_hash
from streams.core.records import User
from streams.registry import users
from streams.registry.state import Author

router = APIRouter(tags=["users"])
DAY = 86_400_000_000_000


@router.get("/token", response_model=str)
async def token(request: Request, has: Has) -> Response:
    """Log in with HTTP Basic: a new bearer token, as a JSON string. It is shown once, kept hashed, and expires."""
    username, password = _basic(request.headers.get("authorization", ""))
    if username is None:
        return JSONResponse({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Basic"})
    user = has.store.state.user(username)
    if not await has.passwords.verify(_hash(user), password):
        return JSONResponse({"detail": "Invalid username or password."}, 401)
    fresh, now = new_token(), time.time_ns()
    expires = now + has.settings.api.token_days * DAY
    give = partial(users.give_token, username=username, token_hash=token_hash(fresh), expires_at=expires)
    await has.store.change(partial(give, author=Author(username, now, "login")))
    return answer(fresh)


@router.get("/users", response_model=list[shapes.ShownUser], dependencies=[ADMINS])
async def listed(registry: Registry) -> Response:
    """Every user, by uid; administrators only."""
    return answer([shapes.user(registry.state.users[uid]) for uid in sorted(registry.state.users)])


@router.post("/users", status_code=201, response_model=shapes.ShownUser)
async def create(request: Request, has: Has, by: By, body: bodies.NewUser) -> Response:
    """Add a user. 409: the name is taken."""
    hashed = await has.passwords.hash(body.password)
    command = partial(users.create, username=body.username, password_hash=hashed, role=body.role, author=by)
    (change,) = await has.store.change(command)
    return created(request, shapes.user(has.store.state.users[int(change.key)]))


@router.delete("/users/{username}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, username: str) -> Response:
    """Remove a user; their tokens end at once."""
    await registry.change(partial(users.remove, username=username, author=by))
    return Response(status_code=204)


def _hash(user: User | None) -> str | None:
    return user.password if user is not None and user.valid else None


def _basic(header: str) -> tuple[str | None, str]:
    """Name and password; a password may hold colons."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None, ""
    return (name, password) if scheme.lower() == "basic" and colon else (None, "")
