"""A server of ours in a thread of the test, and callers that do not behave."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from tests.ports import free_port
from tests.stack.harness import eventually


@contextmanager
def serving(application: ASGIApp, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Its URL, while it is served; over TLS with a certificate and its key."""
    port, (cert, key) = free_port(), certificate or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            application, host="127.0.0.1", port=port, log_level="critical", ws="none", lifespan="off",
            ssl_certfile=cert, ssl_keyfile=key,
        )
    )  # fmt: skip
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, every=0.01)
    try:
        yield f"{'https' if cert else 'http'}://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


async def exchange(port: int, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that the server says until it closes the connection, to one who says these parts, and waits between them.

    On a bare socket: a stream forgets what it was told when the next part meets a closed connection.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as talk:
        talk.setblocking(False)
        await loop.sock_connect(talk, ("127.0.0.1", port))
        answer = asyncio.create_task(_told(talk))
        with suppress(ConnectionError):
            for part in parts:
                await loop.sock_sendall(talk, part)
                await asyncio.wait({answer}, timeout=pause_s)
        return await asyncio.wait_for(answer, 10)


async def _told(talk: socket.socket) -> bytes:
    told = b""
    with suppress(ConnectionError):
        while part := await asyncio.get_running_loop().sock_recv(talk, 65_536):
            told += part
    return told


def dribbled(text: str) -> list[bytes]:
    """A text, character by character."""
    return [character.encode() for character in text]
