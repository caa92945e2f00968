"""aiomqtt's client, but for one fault: it watches a socket for writing that has been closed meanwhile.

Then its loop prints two tracebacks for each packet under way, and the number of the socket may be another's by then.
"""

from typing import Any

import aiomqtt
import paho.mqtt.client as paho


class Client(aiomqtt.Client):
    """One connection; aiomqtt's version is pinned, since private methods of it are replaced."""

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
