"""/healthz, /readyz and /metrics of a process, served by a thread of their own so that a busy loop still answers."""

import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from streams import metrics

PATIENCE_S = 10.0
"""with who connects and says nothing: each would keep a thread and a file"""
WHOLE_S, MOST = 30.0, 100
"""for a question and its answer, and connections at a time: who says a byte now and then would stay, and bring others"""

Check = Callable[[], str | None]
"""Answers None when all is well, else what is wrong."""


def watch_disk(use: str, directory: Path) -> None:
    """Show how much of the disk is free that ``directory`` is on, or will be."""
    metrics.DISK_FREE.labels(use).set_function(lambda: _free(directory.absolute()))


def _free(directory: Path) -> float:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    usage = shutil.disk_usage(there)
    return usage.free / usage.total


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self._since: dict[socket, float] = {}
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """One too many is closed."""
        if len(self._since) >= MOST:
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A connection's end."""
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Several times a second: let go of who takes too long."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > WHOLE_S:
                with suppress(OSError):  # it has gone
                    request.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asks nothing, or goes before the answer, is no news either."""

    def stop(self) -> None:
        """Serve no longer."""
        self.shutdown()
        self.server_close()


class _Silent(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every second; they are not news."""


def serve(port: int, *, ready: Check, healthy: Check = lambda: None, host: str = "127.0.0.1") -> Callable[[], None]:
    """Serve the three paths until the returned function is called. Port 0 serves nothing."""
    metrics.READY.set_function(lambda: ready() is None)
    if port == 0:
        return lambda: None
    server = make_server(host, port, _application(ready, healthy), _Server, _Silent)
    Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return server.stop


def _application(ready: Check, healthy: Check) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    metrics_page = make_wsgi_app()
    checks = {"/healthz": healthy, "/readyz": ready}

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        check = checks.get(environ["PATH_INFO"])
        if check is None:
            answer: Iterable[bytes] = metrics_page(environ, start_response)
            return answer
        fault = check()
        start_response(
            "503 Service Unavailable" if fault else "200 OK", [("Content-Type", "text/plain; charset=utf-8")]
        )
        return [f"{fault or 'ok'}\n".encode()]

    return application
