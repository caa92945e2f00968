"""A store that takes questions and answers none: nobody waits for it who asked something else."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx

from streams.settings import Settings
from tests.connectors.api.memory import OPERATOR, Api
from tests.ports import free_port

ADMIN = {"Authorization": f"Bearer {OPERATOR}"}


@asynccontextmanager
async def mute_store(port: int) -> AsyncIterator[set[asyncio.StreamWriter]]:
    """Those who ask it."""
    asking = set[asyncio.StreamWriter]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asking.add(writer)
        await reader.read()

    async with await asyncio.start_server(listen, "127.0.0.1", port) as server:
        try:
            yield asking
        finally:
            server.close()
            for writer in asking:
                writer.transport.abort()


def test_questions_that_the_store_does_not_answer_hold_up_no_login() -> None:
    async def scenario() -> tuple[int, list[int]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        transport = httpx.ASGITransport(api.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            async with mute_store(port) as asking:
                asked = [asyncio.create_task(client.get("/api/raw?last=1h", headers=ADMIN)) for _ in range(4)]
                while len(asking) < 2:  # noqa: ASYNC110 - a test may ask again and again
                    await asyncio.sleep(0.01)
                login = await asyncio.wait_for(client.get("/api/token", auth=("ann", "wrong")), 10)
            return login.status_code, [answer.status_code for answer in await asyncio.gather(*asked)]

    port = free_port()
    with asyncio.Runner() as runner:
        api = Api(runner, settings=Settings(clickhouse={"url": f"http://127.0.0.1:{port}"}))
        assert runner.run(scenario()) == (401, [503] * 4)
