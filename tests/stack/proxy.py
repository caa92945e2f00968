"""A TCP proxy that can refuse, cut and fall silent: how a test takes away a server that others share."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Coroutine
from typing import Any

from tests.ports import free_port

HOST = b"127.0.0.1"
BEGINNING = 4096
"""bytes of a request that are looked at"""


class Proxy:
    """127.0.0.1:``port`` to ``target`` (host:port); closed until ``open``.

    With ``kafka``, brokers are announced as the proxy itself; with ``tls``, it speaks TLS to its clients.
    """

    def __init__(self, target: str, *, kafka: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._target, self._kafka, self._tls = int(target.rpartition(":")[2]), kafka, tls
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._swallowing = False
        self.swallowed: list[bytes] = []
        """how each request began whose answer was swallowed"""

    @property
    def address(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections."""
        self._run(self._open())

    def shut(self) -> None:
        """Refuse new connections and cut the others."""
        self._run(self._shut())

    def silence(self) -> None:
        """Keep connections, pass nothing on."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def resume(self) -> None:
        """Pass on again."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def swallow(self, *, now: bool) -> None:
        """Let requests through, but cut the connection in place of every answer: what was done looks undone."""
        self._loop.call_soon_threadsafe(setattr, self, "_swallowing", now)

    def close(self) -> None:
        """End."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, reuse_address=True, ssl=self._tls
        )

    async def _shut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        ends = {writer}
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.add(there_writer)
            self._writers |= ends
            asked = bytearray()
            answers = self._frames(there_reader, writer) if self._kafka else self._answers(there_reader, writer, asked)
            await asyncio.gather(self._requests(reader, there_writer, asked), answers)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self._writers -= ends
            self._tasks.discard(task)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytearray) -> None:
        """``asked``: how the one begins that is not answered yet."""
        while data := await reader.read(65_536):
            asked += data[: BEGINNING - len(asked)]
            await self._pass(data, writer)
        writer.transport.abort()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytearray) -> None:
        while data := await reader.read(65_536):
            if self._swallowing:
                self.swallowed.append(bytes(asked))
                break
            asked.clear()
            await self._pass(data, writer)
        writer.transport.abort()

    async def _frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = (HOST + struct.pack(">i", port) for port in (self.port, self._target))
        while True:
            size = await reader.readexactly(4)
            frame = await reader.readexactly(int.from_bytes(size, "big"))
            await self._pass(size + frame.replace(theirs, ours), writer)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        writer.write(data)
        await writer.drain()
