"""The ASGI application: one request after another through request, statement, work and answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, ParamSpec, TypeVar

from deploy.local.clickhouse import statement, work
from deploy.local.clickhouse.answer import Answer, Send
from deploy.local.clickhouse.engine import Engine, Handle, Session, Sessions
from deploy.local.clickhouse.errors import READONLY, SESSION_IS_LOCKED, SESSION_NOT_FOUND, Refused
from deploy.local.clickhouse.request import Disconnected, Receive, Request, Scope

THREADS = 32
SESSION_WAIT_S = 10.0
SESSION_POLL_S = 0.005
DEFAULT_SESSION_S = 60.0
ALIVE = frozenset(("/ping", "/replicas_status"))

P = ParamSpec("P")
T = TypeVar("T")


class Application:
    """Serves one data directory until the server shuts down."""

    def __init__(self, directory: Path) -> None:
        self._engine = Engine(directory)
        self._sessions = Sessions(self._engine)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive), send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._engine.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, request: Request, send: Send) -> None:
        answer = Answer(send, request, self._engine.timezone)
        try:
            await self._respond(request, answer)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - the outer edge: whatever the engine says is the client's answer
            await answer.fail(error)

    async def _respond(self, request: Request, answer: Answer) -> None:
        if request.path in ALIVE:
            await answer.whole(b"Ok.\n")
            return
        request.refuse_unsupported()
        head = await request.head()
        if not head.strip():
            await answer.whole(b"Ok.\n")
            return
        parts = statement.insert(head)
        if parts:
            await self._insert(request, answer, parts, head[parts.data :])
        else:
            await self._query(request, answer, work.query(request, (await request.rest(head)).decode()))

    async def _insert(self, request: Request, answer: Answer, parts: statement.Insert, data: bytes) -> None:
        if request.method == "GET":
            raise Refused(READONLY, "READONLY", "Cannot execute query in readonly mode: use POST")
        self._engine.hold_room()
        with TemporaryFile(dir=self._engine.directory) as body:
            await self._run(body.write, data)
            while not request.complete:
                await self._run(body.write, await request.chunk())
            async with self._session(request) as session:
                written = await self._run(self._insert_whole, session, request, parts, body)
        await answer.whole(b"", answer.summary(None, written))

    def _insert_whole(
        self, session: Session | None, request: Request, parts: statement.Insert, body: BinaryIO
    ) -> tuple[int, int]:
        with work.opened(self._engine, session, request) as handle:
            return work.insert(handle, parts, body)

    async def _query(self, request: Request, answer: Answer, asked: work.Query) -> None:
        async with self._session(request) as session:
            if asked.streamed:
                await self._stream(session, request, answer, asked)
                return
            result, body, written = await self._run(self._query_whole, session, request, asked)
        await answer.whole(body, {**(_headers(asked) if body else {}), **answer.summary(result, written)})

    def _query_whole(
        self, session: Session | None, request: Request, asked: work.Query
    ) -> tuple[object, bytes, tuple[int, int]]:
        if work.needs_room(asked):
            self._engine.hold_room()
        with work.opened(self._engine, session, request) as handle:
            return work.run(handle, asked, request)

    async def _stream(self, session: Session | None, request: Request, answer: Answer, asked: work.Query) -> None:
        with ExitStack() as leave:
            gone = asyncio.create_task(request.gone())
            leave.callback(gone.cancel)
            async with self._opened(session, request) as handle:
                stream = await self._run(work.begin, handle, asked, request)
                first = stream.first.bytes() if stream.first is not None else b""
                if not stream.second:
                    headers = _headers(asked) if first else {}
                    await answer.whole(first, {**headers, **answer.summary(stream.first)})
                    return
                await answer.part(first, _headers(asked))
                await self._rest(handle, stream, answer, asked, gone)

    async def _rest(
        self, handle: Handle, stream: work.Stream, answer: Answer, asked: work.Query, gone: asyncio.Task[None]
    ) -> None:
        block = stream.second
        try:
            while block:
                await answer.part(block, _headers(asked))
                if gone.done():
                    raise Disconnected
                block = await self._run(work.fetch, handle, stream.running)
        except BaseException:
            await self._run(handle.streaming_cancel_query, stream.running)
            raise
        await answer.end()

    @asynccontextmanager
    async def _opened(self, session: Session | None, request: Request) -> AsyncIterator[Handle]:
        """A handle for work in several steps, each in a thread of the pool."""
        leave = ExitStack()
        try:
            yield await self._run(leave.enter_context, work.opened(self._engine, session, request))
        finally:
            await self._run(leave.close)

    @asynccontextmanager
    async def _session(self, request: Request) -> AsyncIterator[Session | None]:
        """The request's session for itself; None when it names none."""
        name = request.parameters.get("session_id")
        if not name:
            yield None
            return
        if request.parameters.get("session_check") == "1" and not self._sessions.known(name):
            raise Refused(SESSION_NOT_FOUND, "SESSION_NOT_FOUND", "Session not found")
        session = await self._take(name)
        try:
            yield session
        finally:
            self._sessions.give_back(session, float(request.parameters.get("session_timeout") or DEFAULT_SESSION_S))

    async def _take(self, name: str) -> Session:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SESSION_WAIT_S
        while loop.time() < deadline:
            session = await self._run(self._sessions.take, name)
            if session:
                return session
            await asyncio.sleep(SESSION_POLL_S)
        raise Refused(SESSION_IS_LOCKED, "SESSION_IS_LOCKED", f"Session {name} is locked by a concurrent client")

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))


def _headers(asked: work.Query) -> dict[str, str]:
    headers = {"X-ClickHouse-Format": asked.format}
    if asked.format.lower().startswith("json"):
        headers["Content-Type"] = "application/json; charset=UTF-8"
    return headers
