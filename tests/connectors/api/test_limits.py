"""What a caller may cost the API: sizes, times, numbers; and that others are served meanwhile. The real server, real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors import http_server
from connectors.api.limits import Counted, Limits
from streams.settings import ApiSettings
from tests.connectors.api.memory import OPERATOR, Api
from tests.connectors.serving import serving
from tests.serving import dribbled, exchange

HEAD = f"POST /api/logical/devices HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {OPERATOR}\r\n"


@pytest.fixture(scope="module")
def application() -> Iterator[ASGIApp]:
    """The API over a registry in memory."""
    with asyncio.Runner() as runner:
        yield Api(runner).application


@asynccontextmanager
async def served(application: ASGIApp, **settings: Any) -> AsyncIterator[int]:
    """An application by the server that the process uses; its port."""
    limits = ApiSettings(**settings)
    server = http_server.server(
        Limits(application, limits), patience_s=limits.body_timeout_s, max_connections=limits.max_connections
    )
    async with serving(server) as port:
        yield port


def client(port: int) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers)


@pytest.mark.parametrize("headers_only", [True, False])
def test_who_dribbles_is_cut_off_and_others_are_served_meanwhile(application: ASGIApp, headers_only: bool) -> None:
    async def scenario() -> None:
        async with served(application, body_timeout_s=0.5) as port, client(port) as other:
            begun = HEAD + ("" if headers_only else "content-length: 1000\r\n\r\n")
            slow = [begun.encode(), *dribbled("x" * 500)]
            talks = [asyncio.create_task(exchange(port, *slow, pause_s=0.05)) for _ in range(20)]
            for _ in range(5):
                assert (await other.get("/api/logical/devices")).status_code == 200
            answers = await asyncio.wait_for(asyncio.gather(*talks), 10)
            assert {answer[:13] for answer in answers} == ({b""} if headers_only else {b"HTTP/1.1 408 "})

    asyncio.run(scenario())


def test_headers_without_end_are_cut_off(application: ASGIApp) -> None:
    async def scenario() -> None:
        async with served(application) as port:
            assert await exchange(port, HEAD.encode(), b"a: b\r\n" * 20_000) == b""

    asyncio.run(scenario())


@pytest.mark.parametrize("told", [True, False])
def test_a_body_that_is_too_large_gets_413_before_it_has_come(application: ASGIApp, told: bool) -> None:
    async def scenario() -> None:
        async with served(application, max_body_bytes=1_000, body_timeout_s=0.5) as port:
            framing = "content-length: 1000000000" if told else "transfer-encoding: chunked"
            part = b"" if told else b"7d0\r\n" + b" " * 2_000 + b"\r\n"
            answer = await exchange(port, f"{HEAD}content-type: application/json\r\n{framing}\r\n\r\n".encode(), part)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.endswith(b'{"detail":"A body may have 1000 bytes."}')

    asyncio.run(scenario())


def test_too_many_connections_get_503_until_some_have_gone(application: ASGIApp) -> None:
    async def scenario() -> None:
        async with served(application, max_connections=3, body_timeout_s=30) as port:
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            while not (answer := await exchange(port)).startswith(b"HTTP/1.1 503 "):
                assert answer == b""
            assert b"Retry-After: 5" in answer
            for _, writer in idle:
                writer.close()
            async with client(port) as other:
                for _ in range(200):
                    if (await other.get("/api/logical/devices")).status_code == 200:
                        return
            raise AssertionError("still refused")

    asyncio.run(scenario())


async def status(application: ASGIApp, **scope: Any) -> int:
    """The status that an application answers a POST by."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    await application({"type": "http", "method": "POST", "path": "/", "headers": []} | scope, receive, send)
    return statuses[0]


def test_too_many_requests_at_a_time_get_503_and_later_ones_are_served() -> None:
    statuses: list[int] = []

    async def one_in_another(scope: Scope, receive: Receive, send: Send) -> None:
        if not statuses:
            statuses.append(0)
            statuses[0] = await status(limited)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    limited = Limits(one_in_another, ApiSettings(max_in_process=1))
    assert asyncio.run(status(limited)) == 200
    assert statuses == [503]
    assert asyncio.run(status(limited)) == 200


def test_answers_are_counted_by_method_and_class() -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})

    def counted(method: str) -> float:
        labels = {"method": method, "status": "5xx"}
        return REGISTRY.get_sample_value("isthmus_api_requests_total", labels) or 0.0

    before = counted("PUT"), counted("other")
    asyncio.run(status(Counted(answers), method="PUT"))
    asyncio.run(status(Counted(answers), method="BREW"))

    assert (counted("PUT"), counted("other")) == (before[0] + 1, before[1] + 1)
