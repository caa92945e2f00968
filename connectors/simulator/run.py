"""Drive a fleet through the doors at a steady rate, and keep the ledger."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice

from msgspec import Struct

from connectors.simulator.doors import RETRY_S, Door, opened
from connectors.simulator.fleet import Message
from connectors.simulator.ledger import Ledger
from streams.settings import MqttBroker

PATIENCE_S = 90
MAX_UNANSWERED = 256


class Drive(Struct, frozen=True, kw_only=True):
    """How to send: messages per second of our clock, and how many."""

    rate: float
    count: int
    webhook_url: str
    broker: MqttBroker


async def drive(
    messages: Iterator[Message], how: Drive, ledger: Ledger, sent: Callable[[], None] = lambda: None
) -> None:
    """Send ``how.count`` messages and return when each has been acknowledged or given up."""
    async with opened(how.webhook_url, how.broker) as doors, asyncio.TaskGroup() as tasks:
        unanswered = asyncio.Semaphore(MAX_UNANSWERED)
        began = time.monotonic()
        for number, message in enumerate(islice(messages, how.count)):
            await asyncio.sleep(max(0.0, began + number / how.rate - time.monotonic()))
            await unanswered.acquire()
            tasks.create_task(_send(doors[message.transport], message, ledger, unanswered, sent))


async def _send(
    door: Door, message: Message, ledger: Ledger, unanswered: asyncio.Semaphore, sent: Callable[[], None]
) -> None:
    try:
        answer, tries = await _patiently(door, message)
    finally:
        unanswered.release()
    ledger.write(message, acknowledged=answer is True, tries=tries, refused=answer is False)
    sent()


async def _patiently(door: Door, message: Message) -> tuple[bool | None, int]:
    """Whether it was acknowledged, and after how many tries; None: given up, nobody answered for PATIENCE_S."""
    tries = 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                tries += 1
                try:
                    return await door.send(message), tries
                except ConnectionError:
                    await asyncio.sleep(RETRY_S)
    except TimeoutError:
        return None, tries
