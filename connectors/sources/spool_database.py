"""The SQLite file of a spool, for one thread: rows in their order, durable when ``insert`` returns (WAL, synchronous=FULL).

Where it meets damage, or is no longer what lies under its name, a fresh file takes its place (``spool_salvage``).
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from connectors.sources import spool_salvage
from connectors.sources.spool_salvage import ROWS, TABLE, is_damage
from streams import log

LOG = log.get(__name__)
T = TypeVar("T")

ROW_BYTES = 64
"""What a row costs besides its value, as far as the quota is concerned."""

PAGE_BYTES = 4096
"""SQLite's, unless it is told another."""

MEASURE = "SELECT count(*), coalesce(sum(length(value) + ?), 0) FROM spool"


class SpoolError(Exception):
    """The spool cannot be opened; a person has to look."""


class Row(Struct, frozen=True):
    """A value and its place in the queue."""

    number: int
    value: bytes


class Database:
    """``replaced`` says that a fresh file took its place, which may hold less; who has counted again takes it back.

    Raises:
        SpoolError: it cannot be opened (``__init__``), or nothing can take its place.
        sqlite3.Error, OSError, MemoryError: nothing was changed, or ``insert`` may have been done all the same.
    """

    def __init__(self, path: Path, busy_s: float) -> None:
        self._path, self._busy_s = path, busy_s
        self._highest_read, self._replacing, self.replaced = 0, False, False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            spool_salvage.finish(path)  # a process that was killed while it salvaged
            _keep_log(path)
            self.connection = sqlite3.connect(path, timeout=busy_s, check_same_thread=False)
            self._identity = self._opened()
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"spool {path}: {error} (in use by another process, or damaged?)") from error

    def measured(self) -> tuple[int, int]:
        """Rows, and their bytes as the quota counts them."""
        return self._whole(_measure)

    def insert(self, values: Iterable[tuple[bytes]]) -> None:
        """Append; when this returns, they are on the disk, in the file that the next process will find."""
        self._in_place()
        self._whole(lambda connection: _insert(connection, values))
        self._in_place()

    def oldest(self, most_records: int, most_bytes: int) -> list[Row]:
        """At least one if there is any."""
        rows = self._whole(lambda connection: _oldest(connection, most_records, most_bytes))
        if rows:
            self._highest_read = max(self._highest_read, rows[-1].number)
        return rows

    def remove(self, last: int) -> int:
        """Forget the row of this number and all before it; how many there were."""
        return self._whole(lambda connection: _remove(connection, last))

    def close(self) -> None:
        """Nothing can be asked any more."""
        self.connection.close()

    def _opened(self) -> tuple[object, ...]:
        """Prepared; a damaged one is replaced. The identity of what was opened."""
        try:
            prepare(self.connection)
            _measure(self.connection)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                self.connection.close()
                raise
            self._replace(str(error))
        return identity(self._path)

    def _whole(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` gives; where it meets damage, it is done once more with what could be salvaged."""
        try:
            return work(self.connection)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._replace(str(error))
        return work(self.connection)

    def _in_place(self) -> None:
        """What was opened must still be what lies under its name: who was told "durable" counts on the next process."""
        there = identity(self._path)
        if there == self._identity and not self._replacing:
            return
        if there[0] not in {None, self._identity[0]}:
            _check_unused(self._path, self._busy_s)
        self._replace("its files were removed or replaced")

    def _replace(self, why: str) -> None:
        """Go on with a fresh file that holds all rows that can be read.

        Once begun, nothing is added to the old one: what was salvaged takes its place, if not now, then at the next start.
        """
        old, self._replacing = self.connection, True
        salvaged = spool_salvage.replace(self._path, old, self._highest_read)
        LOG.error("spool-replaced", path=str(self._path), why=why, salvaged=salvaged.rows, lost=salvaged.lost,
                  put_aside=str(salvaged.aside))  # fmt: skip
        self.connection = _prepared(self._path, self._busy_s)
        self._identity, self._replacing, self.replaced = identity(self._path), False, True
        old.close()  # only now: its rows were nowhere else, and SQLite leaves alone the files of one that has moved


def _keep_log(path: Path) -> None:
    """SQLite throws a write-ahead log away where the file itself is empty or gone; its rows are acknowledged.

    With a page in front of it, the log is read, and what is not in it is damage like any other.
    """
    wal = path.with_name(f"{path.name}-wal")
    if (path.exists() and path.stat().st_size) or not wal.exists() or not wal.stat().st_size:
        return
    LOG.error("spool-emptied", path=str(path), consequence="what its write-ahead log holds is kept")
    with path.open("ab") as file:
        file.truncate(PAGE_BYTES)


def prepare(connection: sqlite3.Connection) -> None:
    """Create or check; the exclusive lock keeps a second process out and dies with this one."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    with connection:
        connection.execute(TABLE)


def _prepared(path: Path, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_s, check_same_thread=False)
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[object, ...]:
    """Which files lie under the names of a database and of its write-ahead log; None: none."""
    return tuple(_inode(f"{path}{end}") for end in ("", "-wal"))


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_unused(path: Path, busy_s: float) -> None:
    """Raises SpoolError when another process has the file that lies here."""
    with closing(sqlite3.connect(path, timeout=busy_s)) as probe:
        try:
            probe.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise SpoolError(f"spool {path}: another file lies there: {error}") from error


def _measure(connection: sqlite3.Connection) -> tuple[int, int]:
    records, size = connection.execute(MEASURE, (ROW_BYTES,)).fetchone()
    return int(records), int(size)


def _insert(connection: sqlite3.Connection, values: Iterable[tuple[bytes]]) -> None:
    with connection:
        connection.executemany("INSERT INTO spool (value) VALUES (?)", values)


def _oldest(connection: sqlite3.Connection, most_records: int, most_bytes: int) -> list[Row]:
    rows: list[Row] = []
    with closing(connection.execute(f"{ROWS} ORDER BY number LIMIT ?", (most_records,))) as found:
        for number, value in found:
            rows.append(Row(number, value))
            most_bytes -= len(value)
            if most_bytes <= 0:
                break
    return rows


def _remove(connection: sqlite3.Connection, last: int) -> int:
    with connection:
        removed = connection.execute("DELETE FROM spool WHERE number <= ?", (last,)).rowcount
    if connection.execute("SELECT 1 FROM spool LIMIT 1").fetchone() is None:
        # A script: execute() would stop after the first page that the vacuum gives back.
        connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
    return removed
