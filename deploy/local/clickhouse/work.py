"""What is done with the engine for one request. These functions block; the application calls them in threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from deploy.local.clickhouse import statement
from deploy.local.clickhouse.engine import Engine, Handle, Session, only_reads
from deploy.local.clickhouse.errors import READONLY, Refused
from deploy.local.clickhouse.request import Request

DEFAULT_FORMAT = "TabSeparated"


class Query(NamedTuple):
    """A statement without data of its own, and how its result is wanted."""

    sql: str
    format: str
    streamed: bool


class Stream(NamedTuple):
    """A running query and its first two blocks; an empty second one means that there is no more."""

    running: Any
    first: Any
    second: bytes


def query(request: Request, sql: str) -> Query:
    """How to run ``sql``.

    Raises:
        Refused: a table engine that cannot live here.
    """
    statement.refuse_broker_engines(sql)
    asked = request.parameters.get("default_format") or request.headers.get("x-clickhouse-format")
    name = statement.result_format(sql) or asked or DEFAULT_FORMAT
    reads = statement.first_word(sql) in {"SELECT", "WITH"}
    waits = request.parameters.get("wait_end_of_query") == "1"
    return Query(sql, name, streamed=reads and not waits and name.lower() in statement.STREAMED)


@contextmanager
def opened(engine: Engine, session: Session | None, request: Request) -> Iterator[Handle]:
    """A handle with the request's database and settings; a session's gets its own settings back afterwards."""
    handle = session.handle if session else engine.handle()
    settings = request.settings
    try:
        if request.database:
            handle.query(f"USE {_name(request.database)}")
        if settings:
            handle.query("SET " + ", ".join(f"{name} = {_text(value)}" for name, value in settings.items()))
        yield handle
    finally:
        if session is None:
            handle.close()
        elif settings:
            handle.query("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))


def insert(handle: Handle, parts: statement.Insert, data: bytes) -> tuple[int, int]:
    """Insert everything at once; the rows and bytes written."""
    insertion = handle.send_insert(parts.sql, parts.format)
    try:
        if data:
            handle.insert_append(insertion, data)
    except BaseException:
        handle.insert_cancel(insertion)
        raise
    done = handle.insert_done(insertion)
    return done.rows_written(), done.bytes_written()


def run(handle: Handle, asked: Query, request: Request) -> tuple[Any, bytes, tuple[int, int]]:
    """Run to the end: the result with its figures, its bytes, the rows and bytes written."""
    _hold_get_to_reading(handle, asked, request)
    result = handle.query(asked.sql, asked.format, params=dict(request.substitutions))
    inserts = statement.first_word(asked.sql) == "INSERT"
    return result, result.bytes(), (result.rows_written(), result.bytes_written()) if inserts else (0, 0)


def begin(handle: Handle, asked: Query, request: Request) -> Stream:
    """Start a query and look two blocks ahead, so that a short result is known to be complete."""
    running = handle.send_query(asked.sql, asked.format, params=dict(request.substitutions))
    try:
        first = handle.streaming_fetch_result(running)
        return Stream(running, first, fetch(handle, running) if first is not None and first.size() else b"")
    except BaseException:
        handle.streaming_cancel_query(running)
        raise


def fetch(handle: Handle, running: Any) -> bytes:
    """The next block; empty at the end."""
    result = handle.streaming_fetch_result(running)
    return result.bytes() if result is not None else b""


def _hold_get_to_reading(handle: Handle, asked: Query, request: Request) -> None:
    """As a server does: a link that somebody follows changes nothing."""
    if request.method == "GET" and not only_reads(handle, asked.sql):
        raise Refused(READONLY, "READONLY", "Cannot execute query in readonly mode: use POST")


def _name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
