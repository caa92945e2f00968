"""aiomqtt's client, but for its faults; that it still has the first is looked at, too."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import aiomqtt
import pytest

from connectors.mqtt_writes import Client


@pytest.mark.parametrize(("kind", "faults"), [(Client, 0), (aiomqtt.Client, 1)])
def test_a_socket_that_was_closed_meanwhile_is_not_watched(kind: type[aiomqtt.Client], faults: int) -> None:
    async def closed_between() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        client, (ours, theirs) = kind("127.0.0.1"), socket.socketpair()
        client._on_socket_register_write(client._client, None, ours)
        ours.close()
        theirs.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return told

    assert len(asyncio.run(closed_between())) == faults


@asynccontextmanager
async def mute_broker() -> AsyncIterator[tuple[int, "asyncio.Queue[bytes]"]]:
    """Its port, and all that a client said, once it has closed its connection."""
    closed = asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], closed


async def gives_up(port: int) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), Client("127.0.0.1", port):
            raise AssertionError("nobody answers")


def test_a_connection_that_nobody_answers_is_closed_by_who_gives_up() -> None:
    async def scenario() -> bytes:
        async with mute_broker() as (port, closed):
            await gives_up(port)
            return await asyncio.wait_for(closed.get(), 10)

    assert asyncio.run(scenario())[:1] == b"\x10", "a CONNECT"


def test_a_connection_that_opens_when_its_user_has_given_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up, connect = Event(), socket.create_connection

    def late(*args: Any, **options: Any) -> socket.socket:
        given_up.wait(10)
        return connect(*args, **options)

    async def scenario() -> list[asyncio.Task[Any]]:
        async with mute_broker() as (port, closed):
            await gives_up(port)
            given_up.set()
            await asyncio.wait_for(closed.get(), 10)
            return [task for task in asyncio.all_tasks() if "_misc_loop" in repr(task)]

    monkeypatch.setattr(socket, "create_connection", late)
    assert asyncio.run(scenario()) == []
