"""The webhook door: 204 only when the record is durable; a malformed body of a known source is kept like any other."""

import asyncio
import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors import http_server
from connectors.sources import door
from connectors.sources.base import Full, RawWriter
from connectors.sources.receipt import receive
from connectors.sources.webhook_auth import challenge, proven
from streams import log, ops
from streams.metrics import ACK_SECONDS, ACKNOWLEDGED, IN_PROCESS, RECEIVED, REFUSED
from streams.progress import HERE, Work
from streams.settings import Settings, SettingsError, WebhookSettings

LOG = log.get(__name__)

TTN_PATH = "/ttn/webhook/up"
RETRY_AFTER = {"Retry-After": "5"}


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SettingsError: a source has no decoder, or a TLS file cannot be used.
    """
    door.check_sources(settings, [("webhook.sources", source) for source in settings.webhook.sources])
    check_tls(settings.webhook)
    door.run(_main(settings))


def check_tls(settings: WebhookSettings) -> None:
    """Load the certificate.

    Raises:
        SettingsError: it cannot be used.
    """
    if settings.tls_cert_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"webhook.tls_cert_file: {error}") from error
    if settings.tls_client_ca_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(settings.tls_client_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"webhook.tls_client_ca_file: {error}") from error


class Refused(Exception):
    """The sender gets this status instead of a 204."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


class Webhook:
    """The routes of the door, in front of a writer."""

    def __init__(
        self, settings: WebhookSettings, writer: RawWriter, ready: ops.Check, healthy: ops.Check = lambda: None
    ) -> None:
        self._settings, self._writer, self._ready, self._healthy = settings, writer, ready, healthy
        self._numbers, self._requests = count(), dict[int, None]()
        self._bytes = 0
        self._kept = frozenset(name.lower() for name in settings.kept_headers)
        self._seconds = ACK_SECONDS.labels(settings.name)
        IN_PROCESS.labels(settings.name).set_function(lambda: len(self._requests))

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route(TTN_PATH, self.post, methods=["POST"]),
                Route("/webhooks/{source}", self.post, methods=["POST"]),
                Route("/webhooks/{source}/{rest:path}", self.post, methods=["POST"]),
                Route("/healthz", self.healthz),
                Route("/readyz", self.readyz),
            ]
        )

    async def post(self, request: Request) -> Response:
        """Take one message: 204 without a body once it is durable."""
        started = time.perf_counter()
        source = request.path_params.get("source", "ttn")
        try:
            with self._admitted(source, request):
                await self._take(source, request)
        except Refused as refused:
            REFUSED.labels(self._settings.name, refused.reason).inc()
            return PlainTextResponse(f"{refused.reason}\n", refused.status, refused.headers)
        ACKNOWLEDGED.labels(self._settings.name, source).inc()
        self._seconds.observe(time.perf_counter() - started)
        return Response(status_code=204)

    def work(self) -> Work:
        """Requests that wait for their answer: it moves when the oldest one does. Asked from any thread."""
        oldest = next(iter(list(self._requests)), None)
        return Work(oldest, left=oldest is not None)

    async def healthz(self, _request: Request) -> Response:
        """The process lives, and what it holds moves."""
        fault = self._healthy()
        return PlainTextResponse(f"{fault or 'ok'}\n", 503 if fault else 200)

    async def readyz(self, _request: Request) -> Response:
        """Messages can be made durable."""
        fault = await asyncio.to_thread(self._ready)
        return PlainTextResponse(f"{fault or 'ok'}\n", 503 if fault else 200)

    @contextmanager
    def _admitted(self, source: str, request: Request) -> Iterator[None]:
        """Refuse what need not be read; count what is under way."""
        if source not in self._settings.sources:
            raise Refused(404, "unknown-source")
        self._authenticate(source, request, None)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._settings.max_body_bytes:
            raise Refused(413, "too-large")
        if len(self._requests) >= self._settings.max_in_process:
            raise Refused(503, "busy", RETRY_AFTER)
        number = next(self._numbers)
        self._requests[number] = None
        try:
            yield
        finally:
            del self._requests[number]

    async def _take(self, source: str, request: Request) -> None:
        body = bytearray()
        try:
            await self._read(request, body)
            payload = bytes(body)
            self._authenticate(source, request, payload)
            await self._write(source, request, payload)
        finally:
            self._bytes -= len(body)

    async def _read(self, request: Request, body: bytearray) -> None:
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                async for chunk in request.stream():
                    body += chunk
                    self._bytes += len(chunk)
                    if len(body) > self._settings.max_body_bytes:
                        raise Refused(413, "too-large")
                    if self._bytes > self._settings.max_in_process_mb * door.MEGABYTE:
                        raise Refused(503, "busy", RETRY_AFTER)
        except TimeoutError:
            raise Refused(408, "slow", {"Connection": "close"}) from None
        except ClientDisconnect:
            raise Refused(400, "disconnected") from None

    async def _write(self, source: str, request: Request, payload: bytes) -> None:
        RECEIVED.labels(self._settings.name, source).inc()
        record = receive(
            source,
            "http",
            request.scope["path"],  # a URL writes some of its characters otherwise
            payload,
            headers=self._kept_headers(request),
            content_type=request.headers.get("content-type", ""),
            connector=self._settings.name,
        )
        try:
            await self._writer.write(record)
        except Full as full:
            LOG.warning("not-durable", source=source, reason=str(full))
            raise Refused(503, "not-durable", RETRY_AFTER) from full

    def _kept_headers(self, request: Request) -> Iterator[tuple[str, str]]:
        """Chosen headers and query parameters: the others may hold secrets."""
        yield from ((name, value) for name, value in request.headers.items() if name in self._kept)
        parameters = request.query_params.multi_items()
        yield from ((f"query:{name}", value) for name, value in parameters if name in self._settings.kept_parameters)

    def _authenticate(self, source: str, request: Request, body: bytes | None) -> None:
        auth = self._settings.auth.get(source)
        if auth and not proven(auth, request.headers, body):
            raise Refused(401, "unauthorised", {"WWW-Authenticate": challenge(auth)})


async def _main(settings: Settings) -> None:
    webhook = settings.webhook
    kafka = door.kafka_writer(settings, records=webhook.max_in_process, megabytes=webhook.max_in_process_mb)
    spool = door.spool_writer(settings, kafka, webhook.name) if webhook.spool else None

    def ready() -> str | None:
        return None if spool and spool.takes_over() else kafka.fault()

    dog = door.watched(settings, webhook.name, kafka, spool)
    stop_serving = ops.serve(webhook.health_port, host=settings.health.host, ready=ready, healthy=dog.fault)
    writer = spool or kafka
    routes = Webhook(webhook, writer, ready, dog.fault)
    HERE.watch(f"requests of {webhook.name}", routes.work)
    serving = http_server.webhook(webhook, routes.application())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, setattr, serving, "should_exit", True)  # noqa: FBT003
    await serving.serve()
    await writer.close()
    stop_serving()
