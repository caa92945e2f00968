"""What becomes of a message that is sent: acknowledged, refused for good, or given up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from connectors.simulator import run
from connectors.simulator.doors import Door, HttpDoor
from connectors.simulator.fleet import Message
from connectors.simulator.ledger import Ledger

MESSAGE = Message(0, "normal", "json:a", "json", "http", "/webhooks/json", b"{}")


class Answers:
    """A door that does the same each time."""

    def __init__(self, answer: Callable[[], bool]) -> None:
        self._answer = answer

    async def send(self, message: Message) -> bool:
        return self._answer()


def away() -> bool:
    raise ConnectionError


@pytest.mark.parametrize(
    ("answer", "acknowledged", "refused"), [(lambda: True, 1, 0), (lambda: False, 0, 1), (away, 0, 0)]
)
def test_it_is_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], bool], acknowledged: int, refused: int
) -> None:
    monkeypatch.setattr(run, "PATIENCE_S", 0.01)
    door: Door = Answers(answer)

    with Ledger(tmp_path / "ledger.ndjson") as book:
        asyncio.run(run._send(door, MESSAGE, book, asyncio.Semaphore(0), lambda: None))

    assert (book.sent["normal"], book.acknowledged["normal"], book.refused["normal"]) == (1, acknowledged, refused)


@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_passes_is_worth_another_try(status: int) -> None:
    async def send() -> bool:
        transport = httpx.MockTransport(lambda _: httpx.Response(status))
        async with httpx.AsyncClient(base_url="http://door", transport=transport) as client:
            return await HttpDoor(client).send(MESSAGE)

    with pytest.raises(ConnectionError):
        asyncio.run(send())
