"""The API without Kafka and store, as tests of one kind of record call it."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from streams.registry.state import Change, Command
from tests.connectors.api.test_app import Caller


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """What is written is folded at once."""
    with asyncio.Runner() as runner:
        made = Caller(runner)

        async def change(command: Command) -> Sequence[Change]:
            changes = command(made.store.state)
            for one in changes:
                made.store.state.apply(one)
            return changes

        monkeypatch.setattr(made.store, "change", change)
        yield made
