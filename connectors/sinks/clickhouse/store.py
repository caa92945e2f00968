"""ClickHouse as the sinks see it: inserts by column, statements, and errors sorted into bad data and everything else.

The same code talks to a ClickHouse server and to the local stack's embedded engine: both speak ClickHouse's HTTP
interface. Times go in and out as ``int`` nanoseconds.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver import options as installed
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, DataError

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.table import Table, unfit
from streams import metrics
from streams.progress import Progress
from streams.settings import ClickHouseSettings

BAD_DATA = {
    6: "cannot-parse-text",
    27: "cannot-parse-input",
    38: "cannot-parse-date",
    41: "cannot-parse-datetime",
    53: "type-mismatch",
    69: "out-of-bound",
    70: "cannot-convert",
    72: "cannot-parse-number",
    117: "incorrect-data",
    321: "out-of-range",
    349: "null-not-allowed",
}
"""ClickHouse's error codes that blame the rows; any other may pass with time."""
COLUMNS = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
VIEWS = """
SELECT arrayJoin(dependencies_table) FROM system.tables WHERE database = currentDatabase() AND name = {table:String}
"""
NOT_STORABLE = "not-storable"
"""the driver refused the rows, before any table saw them"""
MISSING = {60: "a table", 81: "the database"}
SETTINGS = {
    # A batch of late records may touch any number of months.
    "max_partitions_per_insert_block": 0,
    # Repeats are folded by row versions. A replicated server would also drop blocks that it remembers, even when their
    # partition has been dropped since.
    "insert_deduplicate": 0,
}

TIMEOUT_S = 60
# Else the first insert asks whether its lists are a DataFrame and imports pandas for that: 1 s of CPU in each process.
vars(installed).update(pd=None, pd_time_test=None)


class BadData(Exception):
    """The rows can never be written as they are; ``reason`` is a dead letter's code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Store:
    """One sink's connection, made when it is first needed. Not for several threads at once.

    ``timeout_s``: how long one statement may take; ``options``: ClickHouse settings of every statement. ``told``: hears of
    every statement, when one may take longer than a watchdog is patient.
    """

    def __init__(
        self,
        settings: ClickHouseSettings,
        sink: str,
        *,
        timeout_s: int = TIMEOUT_S,
        options: Mapping[str, int] | None = None,
        told: Progress | None = None,
    ) -> None:
        self._settings, self._sink, self._timeout_s, self._options = settings, sink, timeout_s, options or {}
        self._told = told
        self.before: Callable[[], None] = lambda: None
        """called before every statement that changes something; what it raises keeps that from happening"""
        self._client: Client | None = None

    def insert(self, table: Table, columns: Sequence[Sequence[Any]]) -> int:
        """Insert columns of equal length; returns the number of rows. Durable when it returns.

        Raises:
            BadData: the rows are at fault.
            Transient: nothing is certain, or the table is at fault.
        """
        if not len(columns[0]):
            return 0
        self.before()
        try:
            self._insert(table, columns)
        except BadData as error:
            if error.reason != NOT_STORABLE:
                self._check_fits(table, error)
            raise
        metrics.SINK_ROWS.labels(self._sink, table.name).inc(len(columns[0]))
        return len(columns[0])

    def command(self, statement: str) -> None:
        """Run a statement that answers nothing.

        Raises:
            Transient: it may or may not have run.
        """
        self.before()
        with _passing_errors(), self._asking():
            self._connected().command(statement)

    def rows(self, question: str, parameters: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT; times are ns.

        Raises:
            Transient: there is no answer now.
        """
        with _passing_errors(), self._asking():
            answer: Sequence[Sequence[Any]] = (
                self._connected().query(question, parameters, query_formats={"DateTime64": "int"}).result_rows
            )
            return answer

    def stream(self, question: str, parameters: dict[str, Any] | None = None) -> Iterator[Sequence[Any]]:
        """The rows of a SELECT as they come, for answers that memory should not hold; times are ns.

        Nothing else can be asked of this store until the last one is taken.

        Raises:
            Transient: as ``rows``, also half-way.
        """
        with _passing_errors():
            with self._asking():
                opened = self._connected().query_rows_stream(question, parameters, query_formats={"DateTime64": "int"})
            with opened as found:
                yield from found

    def close(self) -> None:
        """Let the connection go; safe to call twice."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _insert(self, table: Table, columns: Sequence[Sequence[Any]]) -> None:
        with _sorted_errors(), self._asking():
            self._connected().insert(
                table.name,
                columns,
                column_names=list(table.columns),
                column_type_names=list(table.columns.values()),
                column_oriented=True,
            )

    def _check_fits(self, table: Table, refusal: BadData) -> None:
        """Rows are not to blame for a table that somebody altered, nor for a view that somebody fills from it."""
        asked = {"table": table.name}
        fault = unfit(table, dict(self.rows(COLUMNS, asked)))  # type: ignore[arg-type]  # rows are sequences of two
        if fault:
            raise Transient(f"{fault}: alter it back, rows wait ({refusal})") from refusal
        if views := self.rows(VIEWS, asked):
            raise Transient(
                f"view {views[0][0]} that {table.name} fills refuses rows, which wait ({refusal})"
            ) from refusal

    def _asking(self) -> AbstractContextManager[None]:
        return self._told.asking("an answer of the store", self._timeout_s) if self._told else nullcontext()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._settings, self._settings.database, self._timeout_s, self._options)
        return self._client


def connect(
    settings: ClickHouseSettings,
    database: str | None,
    timeout_s: int = TIMEOUT_S,
    options: Mapping[str, int] | None = None,
) -> Client:
    """A client of the store; ``database`` None: of the server's default database, which always exists.

    Raises:
        ClickHouseError: it is away or refuses.
    """
    # It logs every failure besides raising it; who catches it says it better.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    return clickhouse_connect.get_client(
        dsn=settings.url,
        username=settings.user,
        password=settings.password.get_secret_value(),
        database=database or "default",
        settings=SETTINGS | dict(options or {}),
        compress="lz4",
        query_limit=0,
        connect_timeout=5,
        send_receive_timeout=timeout_s,
        autogenerate_session_id=False,
    )


def cause(error: BaseException) -> str:
    """The first line of what went wrong; for a server that is away, the operating system's words."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextmanager
def _sorted_errors() -> Iterator[None]:
    with _passing_errors():
        try:
            yield
        except DataError as error:
            raise BadData(NOT_STORABLE, str(error)) from error
        except DatabaseError as error:
            if error.code in BAD_DATA:
                raise BadData(BAD_DATA[error.code], str(error)) from error
            raise


@contextmanager
def _passing_errors() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        code = error.code if isinstance(error, DatabaseError) else None
        hint = f"{MISSING[code]} is missing, run `isthmus migrate`: " if code in MISSING else ""
        raise Transient(hint + cause(error)) from error
    except OSError as error:
        raise Transient(cause(error)) from error
