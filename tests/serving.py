"""A server of ours in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from tests.stack.harness import eventually, free_port


@contextmanager
def serving(application: ASGIApp, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Its URL, while it is served; over TLS with a certificate and its key."""
    port, (cert, key) = free_port(), certificate or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            application, host="127.0.0.1", port=port, log_level="critical", ws="none", lifespan="off",
            ssl_certfile=cert, ssl_keyfile=key,
        )
    )  # fmt: skip
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, every=0.01)
    try:
        yield f"{'https' if cert else 'http'}://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
