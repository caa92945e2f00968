"""What routes work with: the registry, who calls, and how an answer is written."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from fastapi import Depends, HTTPException, Query, Request
from starlette.responses import Response

from connectors.api.guessing import Guessing
from connectors.api.passwords import Passwords
from connectors.api.replay_desk import Desk
from streams.ops import Check
from streams.registry.keeper import Keeper
from streams.registry.state import Author
from streams.registry.store import Store
from streams.settings import Settings


@dataclass(frozen=True)
class Services:
    """One API process."""

    store: Store
    keeper: Keeper
    passwords: Passwords
    settings: Settings
    healthy: Check = lambda: None
    desk: Desk = field(default_factory=Desk)
    guessing: Guessing = field(default_factory=Guessing)
    trials: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "codec-trial"))
    """where codecs are tried out, one after another"""


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _store(request: Request) -> Store:
    return (await _services(request)).store


async def _author(
    request: Request, why: Annotated[str, Query(max_length=1000, description="kept with the change")] = ""
) -> Author:
    return Author(request.state.user, time.time_ns(), why)


async def _admin(request: Request) -> None:
    if not request.state.admin:
        raise HTTPException(403, "Only an administrator may do this.")


Has = Annotated[Services, Depends(_services)]
Registry = Annotated[Store, Depends(_store)]
By = Annotated[Author, Depends(_author)]
ADMINS = Depends(_admin)


def answer(content: Any, status: int = 200, location: str | None = None) -> Response:
    """The content as JSON; devices' properties are stored as JSON and go out as they are."""
    headers = {} if location is None else {"Location": location}
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def created(request: Request, content: dict[str, Any]) -> Response:
    """201, with the address of what was created."""
    address = request.url.replace(path=f"{request.state.path.rstrip('/')}/{content['uid']}", query="")
    return answer(content, 201, str(address))
