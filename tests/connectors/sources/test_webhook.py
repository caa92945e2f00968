"""The webhook's answers: every status, who may send, how much, how slowly."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connectors import http_server
from connectors.sources.memory import MemoryWriter
from connectors.sources.webhook import Webhook
from streams.settings import WebhookSettings
from tests.certificates import certificate
from tests.serving import dribbled, exchange

Scenario = Callable[[httpx.AsyncClient, MemoryWriter], Awaitable[None]]
JSON = "/webhooks/json"


def run(scenario: Scenario, **settings: Any) -> None:
    """The routes without a network, in front of a memory writer."""

    async def running() -> None:
        writer = MemoryWriter()
        webhook = Webhook(WebhookSettings(**settings), writer, lambda: "away" if writer.away else None)
        transport = httpx.ASGITransport(webhook.application())
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            await scenario(client, writer)

    asyncio.run(running())


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[int]:
    """The real server on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    webhook = WebhookSettings(**settings)
    serving = http_server.webhook(webhook, Webhook(webhook, MemoryWriter(), lambda: None).application())
    task = asyncio.create_task(serving.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        serving.should_exit = True
        await task
        listener.close()


def test_answers_204_and_nothing_else_when_durable() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.post("/ttn/webhook/up", content=b"not json at all")
        assert (answer.status_code, answer.content) == (204, b"")
        assert [(one.source, one.address, one.payload) for one in writer.records] == [
            ("ttn", "/ttn/webhook/up", b"not json at all")
        ]

    run(scenario)


def test_shows_its_watchdog_the_oldest_request_that_waits() -> None:
    async def scenario() -> None:
        writer = MemoryWriter()
        writer.away = True
        webhook = Webhook(WebhookSettings(), writer, lambda: None)
        transport = httpx.ASGITransport(webhook.application())
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            before = webhook.work()
            requests = [asyncio.create_task(client.post(JSON, content=b"{}")) for _ in range(2)]
            while len(writer._held) < 2:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0)
            waiting = webhook.work()
            writer.back()
            await asyncio.gather(*requests)
            assert [before, waiting, webhook.work()] == [(None, False), (0, True), (None, False)]

    asyncio.run(scenario())


def test_says_on_healthz_what_does_not_move() -> None:
    async def scenario() -> None:
        faults = iter([None, "spool of webhook has not moved for 300 s"])
        webhook = Webhook(WebhookSettings(), MemoryWriter(), lambda: None, lambda: next(faults))
        transport = httpx.ASGITransport(webhook.application())
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            answers = [await client.get("/healthz") for _ in range(2)]
        assert [(answer.status_code, answer.text) for answer in answers] == [
            (200, "ok\n"),
            (503, "spool of webhook has not moved for 300 s\n"),
        ]

    asyncio.run(scenario())


def test_keeps_the_rest_of_the_path_as_the_address() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        for path in ("/webhooks/json/site-1/tank", "/webhooks/json/", "/webhooks/json"):
            assert (await client.post(path, content=b"{}")).status_code == 204
        assert [(one.source, one.address) for one in writer.records] == [
            ("json", "/webhooks/json/site-1/tank"),
            ("json", "/webhooks/json/"),
            ("json", "/webhooks/json"),
        ]

    run(scenario)


@pytest.mark.parametrize("name", ["tank #2", "a?b", "a%3Fb", "a\\b", "günther"])
def test_a_name_in_the_path_is_the_one_that_mqtt_would_bring(name: str) -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        assert (await client.post(f"/webhooks/points/{quote(name)}", content=b"{}")).status_code == 204
        assert [one.address for one in writer.records] == [f"/webhooks/points/{name}"]

    run(scenario)


def test_answers_503_with_retry_after_when_not_durable() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        writer.away = True
        answer = await client.post(JSON, content=b"{}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")

    run(scenario)


def test_answers_503_with_retry_after_when_too_many_are_under_way() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        writer.away = True
        answers = await asyncio.gather(*(client.post(JSON, content=b"{}") for _ in range(5)))
        reasons = [answer.text for answer in answers]
        assert {answer.status_code for answer in answers} == {503}
        assert reasons.count("busy\n") == 3

    run(scenario, max_in_process=2)


def test_answers_503_when_bodies_under_way_are_too_large_together() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.post(JSON, content=bytes(2_000_000))
        assert (answer.status_code, answer.text) == (503, "busy\n")
        assert (await client.post(JSON, content=b"{}")).status_code == 204, "and counts what has gone"

    run(scenario, max_in_process_mb=1)


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/webhooks/", "/ttn/webhook/join", "/webhooks/a/b"])
def test_answers_404_to_an_unknown_source_or_path(path: str) -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        assert (await client.post(path, content=b"{}")).status_code == 404
        assert writer.records == []

    run(scenario)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_answers_405_to_other_methods(method: str) -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.request(method, JSON)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    run(scenario)


@pytest.mark.parametrize("chunked", [False, True])
def test_answers_413_to_a_body_that_is_too_large(chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield bytes(100)

    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.post(JSON, content=chunks() if chunked else bytes(1001))
        assert (answer.status_code, writer.records) == (413, [])
        assert (await client.post(JSON, content=bytes(1000))).status_code == 204

    run(scenario, max_body_bytes=1000)


def test_keeps_chosen_headers_only() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        await client.post(JSON, content=b"", headers={"X-One": "1", "X-Two": "2", "Content-Type": "text/csv"})
        assert (writer.records[0].headers, writer.records[0].content_type) == ({"x-one": "1"}, "text/csv")

    run(scenario, kept_headers=("X-One",))


def test_keeps_a_packed_body_as_it_came_and_says_how_it_is_packed() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        packed = gzip.compress(b'{"a": 1}', mtime=0)
        answer = await client.post(JSON, content=packed, headers={"Content-Encoding": "gzip"})
        record = writer.records[0]
        assert (answer.status_code, record.payload, record.headers["content-encoding"]) == (204, packed, "gzip")

    run(scenario)


def test_keeps_chosen_parameters_of_the_query_and_no_secret() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        await client.post(f"{JSON}?event=up&token=secret", content=b"")
        record = writer.records[0]
        assert record.headers["query:event"] == "up"
        assert "secret" not in record.address + str(record.headers)

    run(scenario)


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def sign(body: bytes, key: str = "kéy") -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


BODY = b'{"a": 1}'
AUTH = [
    ({"bearer": "sécret"}, "Authorization", "Bearer sécret", 204),
    ({"bearer": "sécret"}, "Authorization", "bearer sécret", 204),
    ({"bearer": "sécret"}, "Authorization", "Bearer secret", 401),
    ({"bearer": "sécret"}, "Authorization", "Bearer ", 401),
    ({"bearer": "sécret"}, "Authorization", basic("sécret"), 401),
    ({"basic": "ann:pass:word"}, "Authorization", basic("ann:pass:word"), 204),
    ({"basic": "ann:pass:word"}, "Authorization", basic("ann:pass"), 401),
    ({"basic": "ann:pass:word"}, "Authorization", "Basic ???", 401),
    ({"basic": "ann:pass:word"}, "Authorization", "Bearer ann:pass:word", 401),
    ({"hmac": "kéy"}, "X-Signature", sign(BODY), 204),
    ({"hmac": "kéy"}, "X-Signature", "sha256=" + sign(BODY).upper(), 204),
    ({"hmac": "kéy", "hmac_header": "X-Hub"}, "X-Hub", sign(BODY), 204),
    ({"hmac": "kéy"}, "X-Signature", sign(BODY + b" "), 401),
    ({"hmac": "kéy"}, "X-Signature", sign(BODY, "key"), 401),
    ({"hmac": "kéy"}, "X-Other", sign(BODY), 401),
]


@pytest.mark.parametrize(("auth", "header", "value", "status"), AUTH)
def test_lets_in_only_who_proves_it(auth: dict[str, str], header: str, value: str, status: int) -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.post(JSON, content=BODY, headers=[(header.encode(), value.encode())])
        assert answer.status_code == status
        assert len(writer.records) == (status == 204)
        open_source = await client.post("/webhooks/ydoc", content=BODY)
        assert open_source.status_code == 204, "a source without auth is open"

    run(scenario, auth={"json": auth})


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"bearer": "x"}, 'Bearer realm="isthmus"'),
        ({"basic": "x:y"}, 'Basic realm="isthmus", charset="UTF-8"'),
        ({"hmac": "x"}, 'HMAC-SHA256 realm="isthmus", header="X-Signature"'),
    ],
)
def test_says_in_a_401_how_to_prove_it(auth: dict[str, str], expected: str) -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        answer = await client.post(JSON, content=BODY)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, expected)

    run(scenario, auth={"json": auth})


def test_says_whether_it_is_ready() -> None:
    async def scenario(client: httpx.AsyncClient, writer: MemoryWriter) -> None:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        writer.away = True
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "away\n")

    run(scenario)


async def talk(port: int, request: bytes) -> bytes:
    """All that the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_answers_408_to_a_body_that_does_not_come() -> None:
    async def scenario() -> None:
        async with served(body_timeout_s=0.05) as port:
            answer = await talk(port, b"POST /webhooks/json HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
            assert answer.startswith(b"HTTP/1.1 408 ")

    asyncio.run(scenario())


@pytest.mark.parametrize("request_", [b"", b"POST /webhooks/json HTTP/1.1\r\nhost: x\r\n"])
def test_closes_a_connection_whose_headers_do_not_come(request_: bytes) -> None:
    async def scenario() -> None:
        async with served(body_timeout_s=0.05) as port:
            assert await talk(port, request_) == b""

    asyncio.run(scenario())


def test_closes_a_connection_whose_headers_do_not_end() -> None:
    async def scenario() -> None:
        async with served() as port:
            assert await talk(port, b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000) == b""

    asyncio.run(scenario())


def test_speaks_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def scenario() -> None:
        trust = ssl.create_default_context(cafile=cert)
        async with served(tls_cert_file=cert, tls_key_file=key) as port, httpx.AsyncClient(verify=trust) as client:
            assert (await client.post(f"https://127.0.0.1:{port}{JSON}", content=b"{}")).status_code == 204

    asyncio.run(scenario())


def test_lets_in_only_certificates_of_its_authority(tmp_path: Path) -> None:
    ours, known, unknown = ((tmp_path / name) for name in ("ours", "known", "unknown"))
    for directory in (ours, known, unknown):
        directory.mkdir()
    (cert, key), trusted, other = (certificate(directory) for directory in (ours, known, unknown))

    async def status(port: int, shown: tuple[Path, Path] | None) -> int:
        trust = ssl.create_default_context(cafile=cert)
        if shown:
            trust.load_cert_chain(*shown)
        async with httpx.AsyncClient(verify=trust) as client:
            return (await client.post(f"https://127.0.0.1:{port}{JSON}", content=b"{}")).status_code

    async def scenario() -> None:
        async with served(tls_cert_file=cert, tls_key_file=key, tls_client_ca_file=trusted[0]) as port:
            assert await status(port, trusted) == 204
            for refused in (other, None):
                with pytest.raises((httpx.TransportError, ssl.SSLError)):
                    await status(port, refused)
            assert await status(port, trusted) == 204

    asyncio.run(scenario())


def test_serves_others_while_some_dribble() -> None:
    async def scenario() -> None:
        async with served(body_timeout_s=1) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            whole = b"POST /webhooks/json HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
            never = dribbled("x" * 400)
            talks = [exchange(port, begun, *never, pause_s=0.02) for begun in [b"POST ", whole] * 10]
            slow = [asyncio.create_task(one) for one in talks]
            for _ in range(20):
                assert (await client.post(JSON, content=b"{}")).status_code == 204
            assert {answer[:13] for answer in await asyncio.gather(*slow)} == {b"", b"HTTP/1.1 408 "}

    asyncio.run(scenario())


def test_answers_503_to_connections_beyond_its_limit_until_some_have_gone() -> None:
    async def scenario() -> None:
        async with served(max_connections=2) as port, httpx.AsyncClient() as client:
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            url = f"http://127.0.0.1:{port}{JSON}"
            assert (await talk(port, b"")).startswith(b"HTTP/1.1 503 ")
            for _, writer in idle:
                writer.close()
                await writer.wait_closed()
            statuses = [(await client.post(url, content=b"{}")).status_code for _ in range(20)]
            assert statuses[-1] == 204

    asyncio.run(scenario())


def test_reads_the_rest_of_a_body_that_it_refused_so_that_the_answer_arrives() -> None:
    async def scenario() -> None:
        async with (
            served(max_body_bytes=1000) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            for _ in range(2):
                assert (await client.post(JSON, content=bytes(5_000_000))).status_code == 413

    asyncio.run(scenario())
