"""/healthz, /readyz and /metrics of a process, served by a thread of their own so that a busy loop still answers."""

from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

Check = Callable[[], str | None]
"""Answers None when all is well, else what is wrong."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every second; they are not news."""


def serve(port: int, *, ready: Check, healthy: Check = lambda: None, host: str = "127.0.0.1") -> Callable[[], None]:
    """Serve the three paths until the returned function is called. Port 0 serves nothing."""
    if port == 0:
        return lambda: None
    server = make_server(host, port, _application(ready, healthy), _Server, _Silent)
    Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return server.shutdown


def _application(ready: Check, healthy: Check) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    metrics = make_wsgi_app()
    checks = {"/healthz": healthy, "/readyz": ready}

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        check = checks.get(environ["PATH_INFO"])
        if check is None:
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        fault = check()
        start_response(
            "503 Service Unavailable" if fault else "200 OK", [("Content-Type", "text/plain; charset=utf-8")]
        )
        return [f"{fault or 'ok'}\n".encode()]

    return application
