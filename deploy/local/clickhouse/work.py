"""What is done with the engine for one request. These functions block; the application calls them in threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from deploy.local.clickhouse import statement
from deploy.local.clickhouse.engine import Engine, Handle, Session, only_reads
from deploy.local.clickhouse.errors import READONLY, Refused
from deploy.local.clickhouse.request import Request

DEFAULT_FORMAT = "TabSeparated"
FREEING = frozenset(("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "SET", "USE", "KILL",
                     "DROP", "TRUNCATE", "DETACH", "OPTIMIZE", "SYSTEM"))  # fmt: skip
"""Statements that need no room on the disk, or make some."""


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


def needs_room(asked: Query) -> bool:
    """Whether the statement leaves something behind on the disk."""
    return statement.first_word(asked.sql) not in FREEING


def insert(handle: Handle, parts: statement.Insert, data: BinaryIO) -> tuple[int, int]:
    """Insert everything in the file ``data``; the rows and bytes written.

    As a query over the file: what fails when the last block is written (a full disk, too many parts) is an error there,
    and none in the engine's interface for inserts piece by piece, which then loses the rows without a word.
    """
    data.seek(0)
    result = handle.query(parts.reading(f"/dev/fd/{data.fileno()}"))
    return result.rows_written(), result.bytes_written()


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
