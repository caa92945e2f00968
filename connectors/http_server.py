"""uvicorn with limits: it would wait for ever for a request's headers, and take as many connections as come."""

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.tls_listener import TlsListener
from streams.settings import WebhookSettings

MAX_HEADER_BYTES = 65_536
EMPTY_LINES = b"\r\n"
TWO_LENGTHS = {b"content-length", b"transfer-encoding"}
SPARE_FILES = 512
"""open files besides connections"""
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)
GARBAGE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 31\r\n\r\nInvalid HTTP request received.\n"
)


class Connection(h11.Connection):
    """How h11 reads a sender; more patient with empty lines, less with two lengths of one body."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEADER_BYTES)

    def receive_data(self, data: bytes) -> None:
        """Empty lines before a request are none (RFC 9112, 2.2): modems send one behind a body."""
        if self.their_state is h11.IDLE and not self.trailing_data[0]:
            data = data.lstrip(EMPTY_LINES)
        if data:
            super().receive_data(data)

    def start_next_cycle(self) -> None:
        """Nor are those that came together with the body."""
        rest, _ = self.trailing_data
        super().start_next_cycle()
        if rest.startswith((b"\r", b"\n")):
            Connection.__init__(self)
            self.receive_data(rest)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """A request as its application has to see it."""
        event = super().next_event()
        return _judged(event) if isinstance(event, h11.Request) else event


def _judged(request: h11.Request) -> h11.Request:
    """With one length: h11 would take the chunks, and a proxy before us may have taken the other (RFC 9112, 6.1).

    And with a path: who speaks to a proxy, and some modems, send the whole URL (RFC 9112, 3.2.2).
    """
    if {name for name, _ in request.headers} >= TWO_LENGTHS:
        raise h11.RemoteProtocolError("content-length and transfer-encoding")
    if not request.target.lower().startswith((b"http://", b"https://")):
        return request
    path = request.target.split(b"/", 3)[3:] or [b""]
    return h11.Request(
        method=request.method,
        target=b"/" + path[0],
        headers=list(request.headers),
        http_version=request.http_version,
    )


class Patient(H11Protocol):
    """Closes a connection whose headers, or rest of a refused body, take longer than ``patience_s``, and those too many.

    And one that takes nothing of its answers for so long: uvicorn would wait for ever.
    """

    patience_s = 20.0
    max_connections = 2000
    _closing: asyncio.TimerHandle | None = None
    _owed: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
    _looking: asyncio.TimerHandle | None = None
    _untaken = (0, 0)
    _resumed = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A sender that says nothing does not stay; one too many is told so."""
        super().connection_made(transport)
        self.conn = Connection()
        if len(self.connections) > self.max_connections:
            transport.write(TOO_MANY)
            transport.close()
        else:
            self._keep_time()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to close."""
        self._wait_for(None)
        if self._looking:
            self._looking.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Much of an answer was taken."""
        self._resumed += 1
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """What comes behind a connection's last request is nobody's."""
        if not self.transport.is_closing() and self.conn.their_state is not h11.MUST_CLOSE:
            super().data_received(data)

    def handle_events(self) -> None:
        """Each byte may change what the sender owes."""
        super().handle_events()
        self._keep_time()

    def on_response_complete(self) -> None:
        """So may an answer: to a body that has not come, for one."""
        super().on_response_complete()
        self._keep_time()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's
        """Only who waits for an answer and did not talk without end gets one; a body that is broken is not read on."""
        waits = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if waits and len(self.conn.trailing_data[0]) <= MAX_HEADER_BYTES:
            self.transport.write(GARBAGE)  # h11 cannot say it to HEAD
        self.transport.close()
        if self.cycle:
            self.cycle.disconnected = True

    def _should_upgrade(self) -> bool:
        """Never (RFC 9110, 7.8), and without a word: each request of Java's own client offers h2c."""
        return False

    def _look(self) -> None:
        """To close would be to wait until the rest is taken."""
        before, self._untaken = self._untaken, (self.transport.get_write_buffer_size(), self._resumed)
        if self._untaken[0] and self._untaken == before:
            self.transport.abort()
        else:
            self._looking = self.loop.call_later(self.patience_s, self._look)

    def _keep_time(self) -> None:
        """Headers are owed while uvicorn waits for no first byte; a body's rest when the answer did not wait for it."""
        theirs, ours = self.conn.their_state, self.conn.our_state
        headers = theirs is h11.IDLE and self.timeout_keep_alive_task is None
        rest = theirs is h11.SEND_BODY and ours is h11.DONE
        self._wait_for(theirs if headers or rest else None)

    def _wait_for(self, owed: type[Any] | None) -> None:
        """Time runs from where something began to be owed, whatever has come of it."""
        if owed is self._owed:
            return
        self._owed = owed
        if self._closing:
            self._closing.cancel()
        self._closing = self.loop.call_later(self.patience_s, self.transport.close) if owed else None


class Server(uvicorn.Server):
    """Leaves signals to its process; over TLS, counts a connection from its first byte on.

    ``listening`` is called once it listens, which it never does where the port is taken.
    """

    listening: Callable[[], object] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await self._listen(sockets)
        self.listening()

    async def _listen(self, sockets: list[socket.socket] | None) -> None:
        """uvicorn's own listens only where there is no TLS."""
        tls = self.config.ssl
        if tls is None:
            await super().startup(sockets)
            return
        listeners = sockets or [self.config.bind_socket()]
        await super().startup([])
        for listener in listeners:
            listener.listen(self.config.backlog)
            self.servers.append(self._listening(listener, tls))  # type: ignore[arg-type]  # as much of a server as is used

    def _listening(self, listener: socket.socket, tls: ssl.SSLContext) -> TlsListener:
        kind: type[Patient] = self.config.http_protocol_class  # type: ignore[assignment]  # what server() gave it
        return TlsListener(
            listener,
            tls,
            lambda: kind(self.config, self.server_state, self.lifespan.state),
            lambda greeting: greeting + len(self.server_state.connections) < kind.max_connections,
            kind.patience_s,
        )


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
