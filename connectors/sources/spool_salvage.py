"""A fresh spool file in the place of one that is damaged or gone, with every row that can still be read; nothing is deleted.

The rows are copied to ``….salvaging``, which is called ``….salvaged`` once all of it is on the disk, and only then takes
the name of the spool: whoever is killed in between finds it at the next start, or all of the old file.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from connectors.disk import sync

TABLE = "CREATE TABLE IF NOT EXISTS spool (number INTEGER PRIMARY KEY AUTOINCREMENT, value BLOB NOT NULL)"
ROWS = "SELECT number, coalesce(CAST(value AS BLOB), x'') FROM spool"
"""A row whose head is damaged may hold text, which need not be UTF-8, a number or nothing: bytes are asked for."""
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
SMALLEST_ROW_BYTES = 64
"""No record is smaller; bounds how many numbers are tried one by one."""
SPARE_BYTES = 67_108_864
"""So much of the disk stays free while rows are copied."""


class Salvaged(Struct, frozen=True):
    """``lost`` rows could not be read (None: nobody knows how many); ``aside``: where the old file lies, if it was there."""

    rows: int
    lost: int | None
    aside: Path | None


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file holds what no SQLite wrote; a disk that does not read is another matter."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def replace(path: Path, old: sqlite3.Connection, highest_read: int) -> Salvaged:
    """Put a fresh file with ``old``'s rows at ``path``, and what lies there aside; ``old`` stays open.

    Numbers go on behind ``highest_read``, too: a batch under way is removed by its last one.
    """
    building, done = path.with_name(f"{path.name}.salvaging"), _done(path)
    for left in (done, building, building.with_name(f"{building.name}-journal")):
        left.unlink(missing_ok=True)
    old.execute("PRAGMA writable_schema = ON")  # else nothing is read of a file that is shorter than its head says
    _check_room(path, old)
    expected = _expected(old)
    with closing(sqlite3.connect(building)) as fresh:
        rows = _copy(old, fresh, highest_read)
    building.rename(done)
    sync(path.parent)
    return Salvaged(rows, None if expected is None else max(0, expected - rows), finish(path))


def finish(path: Path) -> Path | None:
    """Let what was salvaged, if anything, take the place of the spool; where the old one lies now."""
    done = _done(path)
    if not done.exists():
        return None
    at = datetime.fromtimestamp(done.stat().st_mtime, UTC)
    aside, found = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%S.%fZ}"), path.exists()
    for end in ("-wal", "-shm", ""):  # a log that stayed would be taken for the fresh file's
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(f"{aside}{end}")
    done.rename(path)
    sync(path.parent)
    return aside if found else None


def readable(database: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """Number and value of every row that can be read, in order: where reading on fails, one number after the other is tried."""
    number, last = _bounds(database)
    while number <= last:
        for found, value in _until_damage(database, f"{ROWS} WHERE number >= ? ORDER BY number", number, last):
            yield found, value
            number = found + 1
        # Python's module steps ahead, and loses the last row before the damage.
        yield from _until_damage(database, f"{ROWS} WHERE number = ?", number, number)
        number += 1


def _until_damage(database: sqlite3.Connection, question: str, number: int, last: int) -> Iterator[tuple[int, bytes]]:
    try:
        with closing(database.execute(question, (number,))) as rows:
            for found, value in rows:
                if not (number <= found <= last and isinstance(value, bytes)):
                    return
                yield found, value
                number = found + 1
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise


def _done(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaged")


def _copy(old: sqlite3.Connection, fresh: sqlite3.Connection, highest_read: int) -> int:
    fresh.execute("PRAGMA auto_vacuum = INCREMENTAL")
    fresh.execute("PRAGMA synchronous = FULL")
    with fresh:
        fresh.execute(TABLE)
        rows = fresh.executemany("INSERT INTO spool VALUES (?, ?)", readable(old)).rowcount
        highest = fresh.execute("SELECT max(coalesce(max(number), 0), ?) FROM spool", (highest_read,)).fetchone()
        fresh.execute("DELETE FROM sqlite_sequence")
        fresh.execute("INSERT INTO sqlite_sequence VALUES ('spool', ?)", highest)
    return max(0, rows)


def _check_room(path: Path, old: sqlite3.Connection) -> None:
    """Raises OSError where the copy would fill the disk."""
    if shutil.disk_usage(path.parent).free < _size(old) + SPARE_BYTES:
        raise OSError("the disk is too full to salvage the spool")


def _expected(database: sqlite3.Connection) -> int | None:
    """How many rows there were, where first and last can be read: they have no gaps."""
    question = "SELECT coalesce((SELECT max(number) FROM spool) - (SELECT min(number) FROM spool) + 1, 0)"
    return _asked(database, question)


def _bounds(database: sqlite3.Connection) -> tuple[int, int]:
    """Numbers between which all rows lie, no more of them than the file can hold; none: (1, 0)."""
    most = _size(database) // SMALLEST_ROW_BYTES
    first = _asked(database, "SELECT min(number) FROM spool")
    last = _asked(database, "SELECT max(number) FROM spool")
    if last is None:
        last = _asked(database, "SELECT seq FROM sqlite_sequence WHERE name = 'spool'")
    if last is None:
        return (1, 0) if first is None else (first, first + most)
    return max(last - most, 1 if first is None else first), last


def _size(database: sqlite3.Connection) -> int:
    return (_asked(database, "PRAGMA page_count") or 0) * (_asked(database, "PRAGMA page_size") or 0)


def _asked(database: sqlite3.Connection, question: str) -> int | None:
    try:
        (answer,) = database.execute(question).fetchone()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return None
    return answer if isinstance(answer, int) else None
