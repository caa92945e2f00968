"""The webhook's server over TLS, and callers that do not come to the end of the handshake."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from connectors import http_server
from connectors.http_server import Server
from connectors.sources.memory import MemoryWriter
from connectors.sources.webhook import Webhook
from streams.settings import WebhookSettings
from tests.certificates import certificate
from tests.connectors.serving import serving
from tests.ports import free_port

Run = Callable[[Coroutine[Any, Any, None]], None]
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01"
"""the beginning of a handshake"""
SOON_S = 10

both_loops = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Door:
    """A door with a certificate of its own."""

    def __init__(self, directory: Path) -> None:
        self._cert, self._key = certificate(directory)
        self._trust = ssl.create_default_context(cafile=self._cert)
        self.port = 0

    def server(self, **settings: Any) -> Server:
        webhook = WebhookSettings(tls_cert_file=self._cert, tls_key_file=self._key, **settings)
        return http_server.webhook(webhook, Webhook(webhook, MemoryWriter(), lambda: None).application())

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[Server]:
        server = self.server(**settings)
        async with serving(server) as self.port:
            yield server

    async def says(self, said: bytes) -> bytes:
        """The answer to one who speaks TLS; empty when the connection is closed before it comes."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._trust)
        except (ConnectionError, ssl.SSLError):
            return b""
        writer.write(said)
        answer = await asyncio.wait_for(reader.read(), SOON_S)
        writer.close()
        return answer

    async def begins(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Somebody's handshake that goes no further."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(HELLO)
        return reader, writer


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@both_loops
def test_who_does_not_end_the_handshake_does_not_stay(door: Door, run: Run) -> None:
    async def scenario() -> None:
        async with door.open(body_timeout_s=0.2):
            reader, writer = await door.begins()
            assert await asyncio.wait_for(reader.read(), SOON_S) == b""
            writer.close()

    run(scenario())


@both_loops
def test_a_connection_counts_from_the_beginning_of_its_handshake(door: Door, run: Run) -> None:
    async def scenario() -> None:
        async with door.open(max_connections=3):
            idle = [await door.begins() for _ in range(3)]
            assert [await door.says(LAST) for _ in range(2)] == [b"", b""]
            for _, writer in idle:
                writer.close()
            async with asyncio.timeout(SOON_S):
                while not (answer := await door.says(LAST)):
                    pass
            assert answer.startswith(b"HTTP/1.1 200 ")

    run(scenario())


@both_loops
def test_a_connection_counts_after_its_handshake_too(door: Door, run: Run) -> None:
    async def scenario() -> None:
        async with door.open(max_connections=1) as server:
            opened = asyncio.create_task(door.says(b""))
            while not server.server_state.connections:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0)
            assert await door.says(LAST) == b""
            opened.cancel()

    run(scenario())


@both_loops
def test_who_speaks_no_tls_costs_others_nothing(door: Door, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with door.open(max_connections=2):
            for _ in range(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
                writer.write(LAST)
                await asyncio.wait_for(reader.read(), SOON_S)
                writer.close()
            assert (await door.says(LAST)).startswith(b"HTTP/1.1 200 ")

    run(scenario())
    assert [record.message for record in caplog.records if record.levelname in {"ERROR", "WARNING"}] == []


@both_loops
def test_its_end_waits_for_nobody_in_the_handshake(door: Door, run: Run) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(SOON_S):
            async with door.open():
                reader, writer = await door.begins()
            assert await reader.read() == b""
            writer.close()

    run(scenario())


def test_listens_where_the_settings_say(door: Door) -> None:
    async def scenario() -> None:
        door.port = free_port()
        server = door.server(port=door.port)
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - a test may ask again and again
            await asyncio.sleep(0)
        assert (await door.says(LAST)).startswith(b"HTTP/1.1 200 ")
        server.stop()
        await task
        assert await door.says(LAST) == b""

    asyncio.run(scenario())
