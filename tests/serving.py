"""A server of ours in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.applications import Starlette

from tests.stack.harness import eventually, free_port


@contextmanager
def serving(application: Starlette) -> Iterator[str]:
    """Its URL, while it is served."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="critical", ws="none"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, every=0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
