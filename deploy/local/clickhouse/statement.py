"""Just enough of ClickHouse's SQL to route a statement: where an INSERT's data begins, which format a result has."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from deploy.local.clickhouse.errors import NOT_IMPLEMENTED, Refused

BROKER_ENGINES = frozenset(("KAFKA", "RABBITMQ", "NATS"))
STREAMED = frozenset(("native", "tabseparated", "tsv", "csv", "rowbinary", "jsoneachrow"))
"""Formats whose result can be cut anywhere."""

_TOKEN = re.compile(
    r"""\s+ | --[^\n]* | /\*.*?\*/ | '(?:\\.|''|[^'\\])*' | `(?:\\.|``|[^`\\])*` | "(?:\\.|[^"\\])*" | [A-Za-z_]\w* | .""",
    re.DOTALL | re.VERBOSE,
)
_INSERT_FORMAT = re.compile(r"\s+(\w+)[ \t]*;?(?:\r?\n)?")
_RESULT_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?[;\s]*\Z", re.IGNORECASE)
_FORMAT_IS_NEAR_THE_END = 4096


class Insert(NamedTuple):
    """An INSERT that carries its data: the SQL up to SETTINGS or FORMAT, the settings, the format, where the data begin."""

    sql: str
    settings: str
    format: str
    data: int

    def reading(self, path: str) -> str:
        """The statement that takes the data from a file."""
        return f"{self.sql} FROM INFILE '{path}' COMPRESSION 'none' {self.settings} FORMAT {self.format}"


class _Word(NamedTuple):
    text: str
    start: int
    end: int


def insert(head: bytes) -> Insert | None:
    """The parts of ``INSERT … FORMAT x <data>``; None for every other statement. Only the beginning is needed."""
    text = head.decode("latin-1")  # one character per byte: positions in text are positions in bytes
    settings = None
    for number, word in enumerate(_words(text)):
        if (number == 0 and word.text != "INSERT") or word.text in {"SELECT", "WITH", "VALUES", "INFILE"}:
            return None
        if word.text == "SETTINGS":
            settings = word.start
        if word.text == "FORMAT":
            found, end = _INSERT_FORMAT.match(text, word.end), word.start if settings is None else settings
            parts = head[:end].decode(), head[end : word.start].decode()
            return Insert(*parts, found[1], found.end()) if found else None
    return None


def result_format(sql: str) -> str | None:
    """The format that the statement asks for itself."""
    found = _RESULT_FORMAT.search(sql, max(0, len(sql) - _FORMAT_IS_NEAR_THE_END))
    return found[1] if found else None


def first_word(sql: str) -> str:
    """The first keyword in capitals; empty when there is none."""
    return next((word.text for word in _words(sql)), "")


def refuse_broker_engines(sql: str) -> None:
    """Refuse tables that the engine makes but cannot open again at the next start.

    Raises:
        Refused: the statement makes such a table.
    """
    if first_word(sql) not in {"CREATE", "ATTACH", "REPLACE"}:
        return
    words = [word.text for word in _words(sql)]
    for word, following in pairwise(words):
        if word == "ENGINE" and following in BROKER_ENGINES:
            raise Refused(
                NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"{following} tables are not supported by the embedded engine"
            )


def _words(sql: str) -> Iterator[_Word]:
    """Keywords and names outside of brackets, comments and quotes, in capitals."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        text = token[0]
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        elif depth == 0 and (text[0].isalpha() or text[0] == "_"):
            yield _Word(text.upper(), token.start(), token.end())
