"""The API in the test's process, over a registry that is written to memory at once: its routes and gate, without Kafka."""

import asyncio
from collections.abc import Iterable, Sequence
from copy import copy
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.datastructures import State as Shared

from connectors.api import app
from connectors.api.context import Services
from connectors.api.gate import Gate
from connectors.api.guessing import Guessing
from connectors.api.limits import Counted, Limits
from connectors.api.passwords import Passwords
from streams.registry import history
from streams.registry.keeper import Keeper
from streams.registry.state import Change, Command, State
from streams.registry.store import Store, Unavailable
from streams.settings import KafkaSettings, Settings

OPERATOR = "operators-token"
NOWHERE = Settings(clickhouse={"url": "http://127.0.0.1:1"})
"""A store is not to be found, whatever runs on this machine."""


class MemoryStore(Store):
    """Decides as the real one; what it decides counts at once. ``away``: nothing can be written."""

    away = False

    async def change(self, command: Command) -> Sequence[Change]:
        """Decide and fold."""
        if self.away:
            raise Unavailable("No process can write the registry now.")
        changes = command(self.state)
        for change in [*changes, *history.recorded(self.state, changes)]:
            self.state.apply(change)
        return changes


def application(services: Services) -> FastAPI:
    """The routes over these services. Making routes takes 0.3 s of CPU: every application of the tests has the same."""
    made = copy(_routes())
    made.state = Shared({"services": services})
    return made


@cache
def _routes() -> FastAPI:
    nobody: Any = None
    return app.build(nobody)


class Api:
    """Calls one application in one loop. ``bearer``: the operator's token unless another, or None, is given."""

    def __init__(
        self, runner: asyncio.Runner, registered: Iterable[Change] = (), settings: Settings | None = None
    ) -> None:
        self._runner, self.guessing = runner, Guessing()
        self.store = runner.run(self._registry())
        self.begin_anew(registered)
        self.passwords = Passwords()
        keeper = Keeper(self.store, KafkaSettings(), sources=(), code="test", seen_every_s=30, device_limit=1000)
        self.services = Services(self.store, keeper, self.passwords, settings or NOWHERE, guessing=self.guessing)
        limited = Limits(application(self.services), self.services.settings.api)
        self.application = Counted(Gate(limited, self.store, OPERATOR))

    def __call__(
        self, method: str, path: str, bearer: str | None = OPERATOR, *, address: str = "127.0.0.1", **arguments: Any
    ) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        transport = httpx.ASGITransport(self.application, client=(address, 1))
        return self._runner.run(self._ask(transport, method, path, headers | arguments.pop("headers", {}), arguments))

    async def _ask(
        self, transport: httpx.ASGITransport, method: str, path: str, headers: dict[str, str], arguments: dict[str, Any]
    ) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, headers=headers, **arguments)

    def begin_anew(self, registered: Iterable[Change] = ()) -> None:
        """An empty registry, but for these; nobody has guessed a password."""
        self.store.state, self.store.away = State(), False
        for change in registered:
            self.store.state.apply(change)
        vars(self.guessing).update(vars(Guessing()))

    async def _registry(self) -> MemoryStore:
        store = MemoryStore(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "test")
        store.folded = True
        return store
