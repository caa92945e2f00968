"""A connector that ends leaves its broker in order: what it has acknowledged is dealt with first, so that nothing comes twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

import aiomqtt
import pytest

from connectors.sources import mqtt
from connectors.sources.memory import MemoryWriter
from connectors.sources.mqtt import Reader
from streams.settings import MqttBroker, Subscription

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT = 0x10, 0x32, 0x40, 0x82, 0xA2, 0xE0
SOON_S = 10


class Broker:
    """Notes the kinds of packets that it gets, and sends one message once it has a subscription."""

    def __init__(self, *, unsubscribes: bool = True) -> None:
        self.told, self.left = list[int](), asyncio.Event()
        self._unsubscribes = unsubscribes

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(1):
            (length,) = await reader.readexactly(1)
            body = await reader.readexactly(length)
            self.told.append(head[0])
            writer.write(self._answer(head[0], body[:2]))
        writer.close()
        self.left.set()

    def _answer(self, kind: int, packet_id: bytes) -> bytes:
        message = bytes([PUBLISH, 8]) + b"\0\1a" + b"\0\7" + b"\0" + b"42"
        answers = {CONNECT: b"\x20\3\0\0\0", SUBSCRIBE: b"\x90\4" + packet_id + b"\0\1" + message}
        if self._unsubscribes:
            answers[UNSUBSCRIBE] = b"\xb0\4" + packet_id + b"\0\0"
        return answers.get(kind, b"")


@asynccontextmanager
async def reading(broker: Broker) -> AsyncIterator["asyncio.Task[None]"]:
    """A connector that has acknowledged its message."""
    async with await asyncio.start_server(broker.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = MqttBroker(port=port, subscriptions=[Subscription(filter="a", source="json")])
        task = asyncio.create_task(Reader(settings, None, MemoryWriter(), "mqtt").run())
        async with asyncio.timeout(SOON_S):
            while PUBACK not in broker.told:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0.01)
            yield task


async def told_to_end(broker: Broker) -> list[int]:
    async with reading(broker) as task:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await broker.left.wait()
    return broker.told


def test_it_waits_for_an_answer_behind_its_acknowledgements_and_says_goodbye() -> None:
    """The cancellation that ends it was taken for the end of the connection, which it cut within a millisecond."""

    async def scenario() -> list[int]:
        return await told_to_end(Broker())

    assert asyncio.run(scenario()) == [CONNECT, SUBSCRIBE, PUBACK, UNSUBSCRIBE, DISCONNECT]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "SETTLE_S", 0.1)

    async def scenario() -> list[int]:
        return await told_to_end(Broker(unsubscribes=False))

    assert asyncio.run(scenario()) == [CONNECT, SUBSCRIBE, PUBACK, UNSUBSCRIBE, DISCONNECT]


def test_it_ends_though_it_could_not_say_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect again, and never end."""

    async def fails(
        _: aiomqtt.Client, __: type[BaseException] | None, ___: BaseException | None, ____: TracebackType | None
    ) -> None:
        raise aiomqtt.MqttError("Operation timed out")

    monkeypatch.setattr(aiomqtt.Client, "__aexit__", fails)

    async def scenario() -> list[int]:
        return await told_to_end(Broker())

    assert asyncio.run(scenario()) == [CONNECT, SUBSCRIBE, PUBACK, UNSUBSCRIBE]
