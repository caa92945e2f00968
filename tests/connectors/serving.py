"""Our HTTP server on a port that is free."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.http_server import Server


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[int]:
    """Its port, as long as it serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.stop()
            await task
