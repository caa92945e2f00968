"""POST with an ``Idempotency-Key``: a request that is sent again, because its answer was lost, is carried out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request

from connectors.api.context import Registry
from streams.registry import requests
from streams.registry.state import Command
from streams.registry.store import Store

Made = Sequence[tuple[str, str]]
"""(topic, key) of the records that a request wrote, in order"""
KEY = r"^[\x21-\x7e]+$"


@dataclass(frozen=True)
class Once:
    """How a POST changes the registry."""

    store: Store
    key: str | None
    digest: str

    async def change(self, command: Command, at: int) -> Made:
        """Carry it out, unless it was under this key within the last day; answers what was written then or now.

        Raises:
            Refused, Unavailable: as ``Store.change``; 422 the key was used for another request.
        """
        if self.key is None:
            return [(change.topic, change.key) for change in await self.store.change(command)]
        await self.store.change(requests.once(command, self.key, self.digest, at))
        return requests.made(self.store.state, self.key)


def uids(made: Made, topic: str) -> list[int]:
    """The uids of what was written to ``topic``."""
    return [int(key) for written, key in made if written == topic]


async def _once(
    request: Request,
    registry: Registry,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=255, pattern=KEY, description="the same key within a day: the same answer, nothing new"),
    ] = None,
) -> Once:
    if idempotency_key is None:
        return Once(registry, None, "")
    asked = f"{request.method} {request.state.path.rstrip('/')}?{request.url.query}\n".encode() + await request.body()
    return Once(registry, f"{request.state.user}:{idempotency_key}", sha256(asked).hexdigest())


Repeatable = Annotated[Once, Depends(_once)]
