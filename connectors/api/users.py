"""Routes of users; administrators only."""

import time
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from connectors.api import user_shapes as shapes
from connectors.api.context import ADMINS, By, Has, Registry, answer
from connectors.api.documents import LAST, MISSING, TAKEN
from connectors.api.tokens import fresh
from streams.registry import tokens, users

router = APIRouter(prefix="/users", tags=["users"], dependencies=[ADMINS])


@router.get("", response_model=list[shapes.ShownUser])
async def listed(registry: Registry) -> Response:
    """List every user, by uid."""
    known, now = registry.state.users, time.time_ns()
    return answer([shapes.user(known[uid], now) for uid in sorted(known)])


@router.get("/{username}", response_model=shapes.ShownUser, responses=MISSING)
async def shown(registry: Registry, username: str) -> Response:
    """Show a user."""
    return _shown(registry, username)


@router.post("", status_code=201, response_model=shapes.ShownUser, responses=TAKEN)
async def create(request: Request, has: Has, by: By, body: shapes.NewUser) -> Response:
    """Add a user."""
    hashed = await has.passwords.hash(body.password.get_secret_value())
    command = partial(
        users.create, username=body.username, password_hash=hashed, role=body.role, author=by, valid=body.valid
    )
    (change,) = await has.store.change(command)
    made = has.store.state.users[int(change.key)]
    path = f"{request.state.path.rstrip('/')}/{quote(made.username)}"
    return answer(shapes.user(made, by.at), 201, str(request.url.replace(path=path, query="")))


@router.patch("/{username}", response_model=shapes.ShownUser, responses=MISSING | LAST)
async def edit(registry: Registry, by: By, username: str, body: shapes.UserEdit) -> Response:
    """Change what a user may do; disable or enable them."""
    await registry.change(partial(users.edit, username=username, role=body.role, valid=body.valid, author=by))
    return _shown(registry, username)


@router.delete("/{username}", status_code=204, response_class=Response, responses=MISSING | LAST)
async def remove(registry: Registry, by: By, username: str) -> Response:
    """Remove a user; their tokens end at once."""
    await registry.change(partial(users.remove, username=username, author=by))
    return Response(status_code=204)


@router.post("/{username}/password", status_code=204, response_class=Response, responses=MISSING)
async def set_password(has: Has, by: By, username: str, body: shapes.NewPassword) -> Response:
    """Give a user another password. Their tokens end, unless told otherwise."""
    users.known(has.store.state, username)
    hashed = await has.passwords.hash(body.password.get_secret_value())
    command = partial(
        users.set_password, username=username, password_hash=hashed, end_tokens=body.end_tokens, author=by
    )
    await has.store.change(command)
    return Response(status_code=204)


@router.get("/{username}/tokens", response_model=list[shapes.ShownToken], responses=MISSING)
async def tokens_of(request: Request, registry: Registry, username: str) -> Response:
    """List a user's tokens, without their secrets."""
    return answer(shapes.tokens(users.known(registry.state, username), time.time_ns(), request.state.token))


@router.post("/{username}/token", response_model=shapes.GivenToken, responses=MISSING)
async def refresh(has: Has, by: By, username: str, body: Annotated[shapes.Refresh | None, Body()] = None) -> Response:
    """End every token of a user and give them a new one, which is shown this once."""
    asked = body or shapes.Refresh()
    secret, token = fresh(has, asked.name, asked.days)
    await has.store.change(partial(tokens.replace_all, username=username, token=token, author=by))
    return answer(shapes.given(token, secret))


@router.delete("/{username}/tokens", status_code=204, response_class=Response, responses=MISSING)
async def end_tokens(registry: Registry, by: By, username: str) -> Response:
    """End every token of a user."""
    await registry.change(partial(tokens.replace_all, username=username, token=None, author=by))
    return Response(status_code=204)


@router.delete("/{username}/tokens/{name}", status_code=204, response_class=Response, responses=MISSING)
async def end_token(registry: Registry, by: By, username: str, name: str) -> Response:
    """End a user's tokens of this name."""
    await registry.change(partial(tokens.end, username=username, name=name, author=by))
    return Response(status_code=204)


def _shown(registry: Registry, username: str) -> Response:
    return answer(shapes.user(users.known(registry.state, username), time.time_ns()))
