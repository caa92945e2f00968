"""uvicorn with patience that ends: it would wait for ever for a request's headers, or for a refused body's end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.settings import WebhookSettings

MAX_HEADER_BYTES = 65_536


class Patient(HttpToolsProtocol):
    """Closes a connection whose headers, or rest of a refused body, take longer than ``patience_s``."""

    patience_s = 20.0
    _closing: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A sender that says nothing does not stay."""
        super().connection_made(transport)
        self._close_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._close_never()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Headers have a size, too."""
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
        """From here on the door itself keeps the time."""
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


def server(settings: WebhookSettings, application: Starlette) -> Server:
    """The server of the webhook door."""
    return Server(
        uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            http=type("Patient", (Patient,), {"patience_s": settings.body_timeout_s}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
            ssl_certfile=settings.tls_cert_file,
            ssl_keyfile=settings.tls_key_file,
        )
    )
