"""What the tests of the doors share: what is in a topic, and publishers that know what the broker acknowledged."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

import aiomqtt
import httpx
import msgspec

from streams.core.records import RawRecord
from tests.stack import raw_log
from tests.stack.harness import Installation

T = TypeVar("T", bound=msgspec.Struct)

SENDERS, EVERY_S = 8, 0.02
"""So many at a time, each with this pause: enough to be under way at any moment, and no burden for two cores."""


def contents(installation: Installation, topic: str, kind: type[T]) -> list[T]:
    """All records of a topic, partition by partition."""
    return raw_log.values(installation.settings.kafka, topic, kind)


def raw(installation: Installation) -> list[RawRecord]:
    """All of topic raw."""
    return contents(installation, "raw", RawRecord)


def publish(installation: Installation, messages: Iterable[tuple[str, bytes]], **options: Any) -> None:
    """Publish with QoS 1 and wait for every acknowledgement."""

    async def sending() -> None:
        async with _client(installation) as client:
            await asyncio.gather(
                *(client.publish(topic, payload, **{"qos": 1} | options) for topic, payload in messages)
            )

    asyncio.run(sending())


@contextmanager
def publishing(installation: Installation, topic: str) -> Iterator[list[bytes]]:
    """Publish numbered payloads in the background; the list holds those that the broker has acknowledged."""
    acknowledged: list[bytes] = []
    stop, numbers = threading.Event(), count()

    async def one_by_one(client: aiomqtt.Client) -> None:
        while not stop.is_set():
            payload = b"%d" % next(numbers)
            await client.publish(topic, payload, qos=1)
            acknowledged.append(payload)
            await asyncio.sleep(EVERY_S)

    async def sending() -> None:
        async with _client(installation) as client:
            await asyncio.gather(*(one_by_one(client) for _ in range(SENDERS)))

    with _thread(sending, stop):
        yield acknowledged


@contextmanager
def posting(url: str) -> Iterator[list[bytes]]:
    """Post numbered bodies in the background; the list holds those that were answered with 204."""
    acknowledged: list[bytes] = []
    stop, numbers = threading.Event(), count()

    async def one_by_one(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            body = b"%d" % next(numbers)
            with suppress(httpx.TransportError):  # no answer: the sender knows nothing
                if (await client.post(url, content=body)).status_code == 204:
                    acknowledged.append(body)
            await asyncio.sleep(EVERY_S)

    async def sending() -> None:
        async with httpx.AsyncClient(timeout=15) as client:
            await asyncio.gather(*(one_by_one(client) for _ in range(SENDERS)))

    with _thread(sending, stop):
        yield acknowledged


@contextmanager
def _thread(sending: Callable[[], Coroutine[Any, Any, None]], stop: threading.Event) -> Iterator[None]:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: asyncio.run(sending()))
        try:
            yield
        finally:
            stop.set()
        running.result(60)


def _client(installation: Installation) -> aiomqtt.Client:
    client = aiomqtt.Client(
        "127.0.0.1",
        installation.stack.mqtt_port,
        protocol=aiomqtt.ProtocolVersion.V5,
        max_inflight_messages=200,
        timeout=30,
    )
    client.pending_calls_threshold = 1_000_000
    return client
