"""Takes connections over TLS, bounded from their first byte on, in number and in time. A loop's own server bounds neither.

It shows its protocol a connection when the handshake is over, and waits a minute for that, of however many at a time.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

FULL_S = 0.5
"""until another look, when no file or memory is left for a connection"""


class TlsListener:
    """Serves a socket; closed like an ``asyncio.Server``. ``has_room`` is told how many are in their handshake."""

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        has_room: Callable[[int], bool],
        patience_s: float,
    ) -> None:
        self._listener, self._tls, self._protocol = listener, tls, protocol
        self._has_room, self._patience_s = has_room, patience_s
        self._greeting: set[asyncio.Task[None]] = set()
        listener.setblocking(False)  # noqa: FBT003 - named so in Python
        self._accepting = asyncio.create_task(self._accept_for_ever())

    def close(self) -> None:
        """Take no more; who is in the handshake has not asked anything yet."""
        for task in (self._accepting, *self._greeting):
            task.cancel()
        self._accepting.add_done_callback(lambda _: self._listener.close())

    async def wait_closed(self) -> None:
        """Return when nothing of it runs any more."""
        await asyncio.gather(self._accepting, *self._greeting, return_exceptions=True)

    async def _accept_for_ever(self) -> None:
        while True:
            try:
                accepted, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            except ConnectionError:  # it has gone again
                continue
            except OSError:
                await asyncio.sleep(FULL_S)
            else:
                self._greet(accepted)

    def _greet(self, accepted: socket.socket) -> None:
        """To tell one too many what it is would take a handshake."""
        if not self._has_room(len(self._greeting)):
            accepted.close()
            return
        task = asyncio.create_task(self._shake_hands(accepted))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _shake_hands(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # its fault, and no news
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._patience_s,
                ssl_shutdown_timeout=self._patience_s,
            )
