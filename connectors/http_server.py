"""uvicorn with limits: it would wait for ever for a request's headers, and take as many connections as come."""

import asyncio
import resource
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.settings import WebhookSettings

MAX_HEADER_BYTES = 65_536
SPARE_FILES = 512
"""open files besides connections"""
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)


class Patient(HttpToolsProtocol):
    """Closes a connection whose headers, or rest of a refused body, take longer than ``patience_s``, and those too many."""

    patience_s = 20.0
    max_connections = 2000
    _closing: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A sender that says nothing does not stay; one too many is told so."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.write(TOO_MANY)
            transport.close()
        else:
            self._close_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._close_never()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Headers have a size, too."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._closing and not self._response_over():
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.close()

    def on_message_begin(self) -> None:
        """The headers of a request begin."""
        super().on_message_begin()
        self._close_later()

    def on_headers_complete(self) -> None:
        """From here on the application itself keeps the time."""
        self._close_never()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Answered before the body had come: read the rest, so that the sender reads the answer, but not for ever."""
        if self.cycle.more_body:
            self._close_later()
        super().on_response_complete()

    def _response_over(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def _close_later(self) -> None:
        self._close_never()
        self._closing = self.loop.call_later(self.patience_s, self.transport.close)

    def _close_never(self) -> None:
        self._header_bytes = 0
        if self._closing:
            self._closing.cancel()
            self._closing = None


class Server(uvicorn.Server):
    """Leaves signals to its process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True


def server(application: ASGIApp, *, patience_s: float, max_connections: int, **config: Any) -> Server:
    """A server of ours; ``config`` as for ``uvicorn.Config``."""
    _allow_files(max_connections + SPARE_FILES)
    limits = {"patience_s": patience_s, "max_connections": max_connections}
    return Server(
        uvicorn.Config(
            application,
            http=type("Patient", (Patient,), limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            **config,
        )
    )


def webhook(settings: WebhookSettings, application: ASGIApp) -> Server:
    """The server of the webhook door."""
    return server(
        application,
        patience_s=settings.body_timeout_s,
        max_connections=settings.max_connections,
        host=settings.host,
        port=settings.port,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        ssl_ca_certs=settings.tls_client_ca_file,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.tls_client_ca_file else ssl.CERT_NONE,
    )


def _allow_files(wanted: int) -> None:
    """As many open files as connections need, where the machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (resource.RLIM_INFINITY, hard) and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
