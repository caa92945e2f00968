"""Questions to the store, and answers that are written as they come from it, so that they may be long.

A store that does not answer is 503; one that goes away half-way breaks the answer off, which no client takes for a whole one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response, StreamingResponse

import sql
from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.store import Store
from streams.registry.store import Unavailable
from streams.settings import ClickHouseSettings

T = TypeVar("T")

ROWS = 500
"""in one piece of an answer"""
PATIENCE_S = 300
"""for all of an answer"""
QUESTIONS = ThreadPoolExecutor(16, "question")
"""A store that does not answer would keep all of the loop's own threads, which logins and changes need."""


async def asked(question: Callable[..., T], *about: Any) -> T:
    """What may take minutes, in a thread of its own kind."""
    return await asyncio.get_running_loop().run_in_executor(QUESTIONS, question, *about)


async def streamed(pieces: Iterator[bytes], media_type: str) -> Response:
    """The answer, once the store has answered; rows follow while it is sent.

    Raises:
        Unavailable: the store does not answer.
    """
    joined = _joined(pieces)
    try:
        first = await asked(next, joined, b"")
    except Transient as error:
        raise Unavailable(f"The store does not answer: {error}") from error
    return StreamingResponse(chain([first], joined), media_type=media_type)


def rows(settings: ClickHouseSettings, query: str, asked: dict[str, Any]) -> Iterator[Sequence[Any]]:
    """The store's answer to a named query, row by row, over a connection of its own.

    Raises:
        Transient: the store does not answer, with the first row or half-way.
    """
    with closing(Store(settings, "api", timeout_s=PATIENCE_S)) as store:
        yield from store.stream(sql.query(query), asked)


def array(items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON array, item by item."""
    yield b"["
    between = b""
    for item in items:
        yield between + msgspec.json.encode(item)
        between = b","
    yield b"]"


def lines(items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """JSON, one document a line."""
    for item in items:
        yield msgspec.json.encode(item) + b"\n"


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(pieces, ROWS)):
        yield b"".join(some)
