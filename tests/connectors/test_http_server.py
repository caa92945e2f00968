"""Requests byte by byte, at the webhook's server: what it takes, what it leaves alone, and what it reads no further."""

import asyncio
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import uvloop
from starlette.responses import PlainTextResponse

from connectors import http_server
from connectors.sources.memory import MemoryWriter
from connectors.sources.webhook import Webhook
from streams.settings import WebhookSettings
from tests.connectors.serving import serving
from tests.ports import free_port
from tests.serving import dribbled, exchange

HEAD = b"POST /webhooks/json HTTP/1.1\r\nHost: x\r\n"
REFUSED = b"POST /webhooks/nobody HTTP/1.1\r\nHost: x\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
WEBSOCKET = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
LENGTH = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
LARGE = "x" * 20_000_000
Run = Callable[[Coroutine[Any, Any, None]], None]


@asynccontextmanager
async def door(writer: MemoryWriter, **settings: Any) -> AsyncIterator[int]:
    """The port of the door in front of a writer."""
    webhook = WebhookSettings(**settings)
    server = http_server.webhook(webhook, Webhook(webhook, writer, lambda: None).application())
    async with serving(server) as port:
        yield port


@asynccontextmanager
async def unconfirmed(
    writer: MemoryWriter, talk: bytes
) -> AsyncIterator[tuple[int, asyncio.StreamReader, asyncio.StreamWriter]]:
    """The door's port, and a connection whose first request waits to be durable."""
    writer.away = True
    async with door(writer) as port:
        reader, stream = await asyncio.open_connection("127.0.0.1", port)
        with closing(stream):
            stream.write(talk)
            while not writer._held:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0)
            yield port, reader, stream


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


def said(*parts: bytes, pause_s: float = 0.0, **settings: Any) -> tuple[list[int], list[bytes]]:
    """The statuses of all that is answered to these parts, and the bodies that are stored."""

    async def scenario() -> bytes:
        async with door(writer, **settings) as port:
            return await exchange(port, *parts, pause_s=pause_s)

    writer = MemoryWriter()
    return statuses(asyncio.run(scenario())), [record.payload for record in writer.records]


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("body", [LENGTH, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
def test_ignores_an_upgrade_and_keeps_the_body(
    offer: bytes, body: bytes, split: bool, caplog: pytest.LogCaptureFixture
) -> None:
    talk = HEAD + offer + body
    parts = [bytes([byte]) for byte in talk] if split else [talk]

    assert said(*parts, LAST) == ([204, 200], [b"hello"])
    assert caplog.messages == [], "each request of such a client would be a line"


def test_answers_what_is_pipelined_behind_an_upgrade() -> None:
    talk = HEAD + H2C + LENGTH + HEAD + CHUNKED + HEAD + WEBSOCKET + CHUNKED
    assert said(talk + LAST) == ([204, 204, 204, 200], [b"hello"] * 3)


def test_tells_who_offers_an_upgrade_and_waits_to_go_on() -> None:
    begun = HEAD + H2C + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert said(begun, b"hello" + LAST, pause_s=0.1) == ([100, 204, 200], [b"hello"])


@pytest.mark.parametrize(
    ("before", "expected"),
    [(b"", []), (HEAD + LENGTH, [204]), (REFUSED + LENGTH, [404]), (REFUSED + LENGTH.removesuffix(b"o"), [404])],
    ids=["first", "answered", "refused", "refused early"],
)
def test_headers_have_an_end_on_any_request_of_a_connection(before: bytes, expected: list[int]) -> None:
    rest = b"o" if before.endswith(b"hell") else b""
    assert said(before, rest + HEAD, *[b"a: b\r\n" * 4_000] * 5, pause_s=0.05)[0] == expected


def test_slow_headers_have_an_end_behind_a_refused_body_too() -> None:
    slow = dribbled("A: " + "x" * 500)
    begun = REFUSED + b"Content-Length: 1\r\n\r\n", b"x" + HEAD
    assert said(*begun, *slow, pause_s=0.02, body_timeout_s=0.3) == ([404], [])


def test_the_rest_of_a_refused_body_may_not_take_for_ever() -> None:
    begun = REFUSED + b"Content-Length: 1000\r\n\r\n"
    assert said(begun, *dribbled("x" * 500), pause_s=0.02, body_timeout_s=0.3) == ([404], [])


def test_reads_a_large_body_behind_a_request_that_is_answered_meanwhile() -> None:
    async def scenario() -> tuple[bytes, bytes]:
        begun = HEAD + LENGTH + HEAD + b"Content-Length: 300000\r\n\r\n" + bytes(10)
        async with unconfirmed(writer, begun) as (_, reader, stream):
            writer.back()
            first = await reader.readuntil(b"\r\n\r\n")
            for part in (bytes(100_000), bytes(100_000), bytes(99_990), LAST):
                stream.write(part)
                await stream.drain()
            return first, await reader.read()

    writer = MemoryWriter(confirm_s=10)
    first, rest = asyncio.run(scenario())
    assert (statuses(first), statuses(rest)) == ([204], [204, 200])
    assert [record.payload for record in writer.records] == [b"hello", bytes(300_000)]


@pytest.mark.parametrize("empty", [b"\r\n", b"\n", b"\r\n\r\n"], ids=["crlf", "lf", "two"])
@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
def test_empty_lines_around_requests_are_none(empty: bytes, split: bool) -> None:
    talk = [empty, HEAD, LENGTH, empty, REFUSED + LENGTH, empty, HEAD + CHUNKED, empty, LAST]
    parts = talk if split else [b"".join(talk)]
    assert said(*parts, pause_s=0.02) == ([204, 404, 204, 200], [b"hello"] * 2)


def test_what_follows_the_last_request_of_a_connection_does_not_cost_its_answer() -> None:
    async def scenario() -> bytes:
        async with unconfirmed(writer, HEAD + b"Connection: close\r\n" + LENGTH) as (port, reader, stream):
            stream.write(b"\r\n" + HEAD + LENGTH)
            assert statuses(await exchange(port, LAST)) == [200], "who spoke later has been heard"
            writer.back()
            return await reader.read()

    writer = MemoryWriter(confirm_s=10)
    assert statuses(asyncio.run(scenario())) == [204]
    assert [record.payload for record in writer.records] == [b"hello"]


def test_takes_the_path_out_of_a_whole_url() -> None:
    whole = HEAD.replace(b" /", b" http://x:5688/")
    assert said(whole + LENGTH + whole.replace(b"/webhooks/json", b"") + LENGTH + LAST) == ([204, 404, 200], [b"hello"])


@asynccontextmanager
async def asking(patience_s: float, talk: bytes) -> AsyncIterator[tuple[http_server.Server, socket.socket]]:
    """A server whose answers are large, and one who has said this to it."""
    server = http_server.server(PlainTextResponse(LARGE), patience_s=patience_s, max_connections=10)
    async with serving(server) as port:
        with socket.socket() as talking:
            talking.setblocking(False)
            await asyncio.get_running_loop().sock_connect(talking, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(talking, talk)
            yield server, talking


@pytest.mark.parametrize("talk", [LAST, LAST.replace(b"close", b"keep-alive") * 9], ids=["last", "pipelined"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_takes_nothing_of_an_answer_does_not_stay(talk: bytes, run: Run) -> None:
    async def scenario() -> None:
        async with asking(0.1, talk) as (server, _), asyncio.timeout(30):
            while not server.server_state.connections:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0)
            while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    run(scenario())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_takes_an_answer_slowly_gets_all_of_it(run: Run) -> None:
    async def scenario() -> None:
        async with asking(0.3, LAST) as (_, talking):
            begun, told = time.monotonic(), 0
            while part := await asyncio.get_running_loop().sock_recv(talking, 250_000):
                told += len(part)
                await asyncio.sleep(0.02)
            assert told > len(LARGE)
            assert time.monotonic() - begun > 0.6, "slower than the server is patient"

    run(scenario())


GARBAGE: dict[str, tuple[list[bytes], list[int]]] = {
    "tls": ([b"\x16\x03\x01\x02\x00"], [400]),
    "no request": ([b"hello\r\n\r\n"], [400]),
    "behind another": ([HEAD + LENGTH + b"hello\r\n\r\n"], [204, 400]),
    "path": ([HEAD.replace(b"json", "jsön".encode()) + LENGTH], [400]),
    "lengths differ": ([HEAD + b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello"], [400]),
    "length and chunks": ([HEAD + b"Content-Length: 5\r\n" + CHUNKED], [400]),
    "coded": ([HEAD + CHUNKED.replace(b"chunked", b"gzip, chunked")], [400]),
    "no host": ([HEAD.replace(b"Host", b"Most") + LENGTH], [400]),
    "nul": ([HEAD + b"A\x00: b\r\n" + LENGTH], [400]),
    "chunk": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", b"zz\r\n"], [400]),
    "chunk end": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n"], [400]),
    "upgrade": ([HEAD + H2C + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], [400]),
    "head": ([HEAD.replace(b"POST", b"HEAD") + b"Content-Length: 5\r\n" + CHUNKED], [400]),
    "head, chunk": ([HEAD.replace(b"POST", b"HEAD") + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], [400]),
    "head behind another": (
        [HEAD + LENGTH + HEAD.replace(b"POST", b"HEAD") + b"Content-Length: 5\r\n" + CHUNKED],
        [204, 400],
    ),
    "refused": ([REFUSED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n", b"he\r\nzz\r\n"], [404]),
}


@pytest.mark.parametrize(("parts", "expected"), GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_is_no_fault_of_ours(
    parts: list[bytes], expected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    assert said(*parts, pause_s=0.1) == (expected, [b"hello"] * expected.count(204))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info] == []


def test_only_who_gets_its_port_is_told_to_listen() -> None:
    """A second API replaced the operator's token of the first, and ended."""

    async def tells(port: int, told: list[int]) -> None:
        server = http_server.webhook(WebhookSettings(port=port), PlainTextResponse("x"))
        server.listening = lambda: told.append(port)
        server.should_exit = True
        await server.serve()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        told, free = list[int](), free_port()
        asyncio.run(tells(free, told))
        with pytest.raises(SystemExit):
            asyncio.run(tells(taken.getsockname()[1], told))

    assert told == [free]
