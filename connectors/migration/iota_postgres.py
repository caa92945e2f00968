"""IoTa's tables in a running PostgreSQL, read in one transaction that sees one moment and can write nothing."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg import sql

from connectors.migration.iota_tables import RAW, Row, Unusable

CONNECT_S = 10
OPTIONS = (
    "-c default_transaction_read_only=on -c TimeZone=UTC -c DateStyle=ISO -c client_encoding=UTF8 -c bytea_output=hex"
)


class Postgres:
    """See ``Tables``."""

    def __init__(self, url: str) -> None:
        self.place = _place(url)
        try:
            self._connection = psycopg.connect(url, connect_timeout=CONNECT_S, options=OPTIONS)
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        except psycopg.Error as error:
            raise Unusable(f"PostgreSQL at {self.place} cannot be read: {_said(error, url)}") from None
        self._url = url

    def columns(self, table: str) -> list[str]:
        """See ``Tables``."""
        query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        return [str(name) for (name,) in self._asked(query, (table,))]

    def count(self, table: str) -> int:
        """See ``Tables``."""
        if not self.columns(table):
            return 0
        ((count,),) = self._asked(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        return int(count)

    def rows(self, table: str) -> Iterator[Row]:
        """See ``Tables``."""
        return self._copied(table, sql.SQL(""))

    def raw(self, after: int) -> Iterator[Row]:
        """See ``Tables``."""
        return self._copied(RAW, sql.SQL(" WHERE uid > {} ORDER BY uid").format(sql.Literal(after)))

    def close(self) -> None:
        """See ``Tables``."""
        self._connection.close()

    def _copied(self, table: str, which: sql.Composable) -> Iterator[Row]:
        columns = self.columns(table)
        if not columns:
            return
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        query = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(names, sql.Identifier(table), which)
        try:
            with self._connection.cursor() as cursor, cursor.copy(query) as copy:
                for values in copy.rows():
                    yield dict(zip(columns, values, strict=True))
        except psycopg.Error as error:
            raise Unusable(f"PostgreSQL at {self.place}: {_said(error, self._url)}") from None

    def _asked(self, query: Any, arguments: tuple[str, ...] | None = None) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, arguments).fetchall()
        except psycopg.Error as error:
            raise Unusable(f"PostgreSQL at {self.place}: {_said(error, self._url)}") from None


def _place(url: str) -> str:
    """Host and database, to be shown.

    Raises:
        Unusable: the URL is none that has but one reading.
    """
    fault = "--pg takes postgresql://USER@HOST:PORT/DATABASE; write @, : and / in a password as %40, %3A, %2F"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unusable(fault) from None
    if parts.scheme not in {"postgresql", "postgres"} or parts.netloc.count("@") > 1:
        raise Unusable(fault)
    return f"{parts.hostname or 'this machine'}{f':{port}' if port else ''}{parts.path}"


def _said(error: psycopg.Error, url: str) -> str:
    """The first line, without the password should it be in it."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    parts = urlsplit(url)
    written = [parts.password, *parse_qs(parts.query).get("password", ())]
    for secret in filter(None, written):
        said = said.replace(secret, "…").replace(unquote(secret), "…")
    return said
