"""aiomqtt's client, but for two faults.

It watches a socket for writing that has been closed meanwhile: then its loop prints two tracebacks for each packet under way,
and the number of the socket may be another's by then. And it leaves a connection open whose user has given up waiting for it.
"""

from types import TracebackType
from typing import Any, Self

import aiomqtt
import paho.mqtt.client as paho


class Client(aiomqtt.Client):
    """One connection; aiomqtt's version is pinned, since private methods of it are replaced."""

    _opening = _abandoned = False

    async def __aenter__(self) -> Self:
        """Connect; what has become of it until its user gives up is closed."""
        self._opening = True
        try:
            return await super().__aenter__()
        except BaseException:
            self.abandon()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Disconnect; whatever comes of that, nothing stays open."""
        try:
            await super().__aexit__(exc_type, exc, tb)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the connection, however far it came; nothing of it is heard of any more."""
        self._abandoned = True
        self._client.on_message = None
        if not self._opening:
            self._client._sock_close()
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # retrieved, else asyncio complains

    def _client_connect(self) -> None:
        """In a thread, which nothing ends before it has connected, or has not."""
        try:
            super()._client_connect()
        finally:
            self._loop.call_soon_threadsafe(self._opened)

    def _opened(self) -> None:
        self._opening = False
        if self._abandoned:
            self.abandon()

    def _on_socket_register_write(self, client: paho.Client, userdata: Any, sock: Any) -> None:  # noqa: ARG002 - paho's
        self._loop.call_soon_threadsafe(self._watch_writes, sock)

    def _watch_writes(self, sock: Any) -> None:
        now = self._client.socket()
        if now is not None and now is sock and self._client.want_write():
            self._loop.add_writer(now, self._write)

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001 - as in aiomqtt: whatever it is, the connection is over
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._disconnected.done():
            self._disconnected.set_exception(error)
