"""Whether a process is ready to be used, seen from outside."""

import asyncio

from deploy.local.plan import Http, Tcp

TIMEOUT_S = 2.0


async def answers(probe: Tcp | Http) -> bool:
    """Whether the probe succeeds now; a refusal or a time-out is no."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await (_accepts(probe.port) if isinstance(probe, Tcp) else _is_ok(probe))
    except (OSError, TimeoutError):
        return False


async def _accepts(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    await _close(writer)
    return True


async def _is_ok(probe: Http) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", probe.port)
    try:
        writer.write(f"GET {probe.path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return b" 200 " in await reader.readline()
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()
