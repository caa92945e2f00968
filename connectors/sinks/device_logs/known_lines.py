"""Which lines a file holds, as digests in a temporary database on the disk: memory is bounded however many there are."""

import errno
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

TABLE = "CREATE TABLE known (file INTEGER, digest BLOB, PRIMARY KEY (file, digest)) WITHOUT ROWID"

CACHE_KB = 16_000


class KnownLines:
    """Digests by the number of a file. It ends with the process.

    Raises (each method):
        OSError: the disk has no room for it; nothing that is known is certain any more.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        # One transaction without end: nothing has to be safe.
        self._database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA cache_size = -{CACHE_KB}; {TABLE}; BEGIN;")

    def add(self, file: int, digests: Iterable[bytes]) -> int:
        """Remember them; how many of them were news."""
        with _disk():
            rows = ((file, digest) for digest in digests)
            return self._database.executemany("INSERT OR IGNORE INTO known VALUES (?, ?)", rows).rowcount

    def has(self, file: int, digest: bytes) -> bool:
        """Whether this line is known."""
        with _disk():
            question = "SELECT 1 FROM known WHERE file = ? AND digest = ?"
            return self._database.execute(question, (file, digest)).fetchone() is not None

    def forget(self, file: int) -> None:
        """Nothing is known of it any more."""
        with _disk():
            self._database.execute("DELETE FROM known WHERE file = ?", (file,))


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(errno.EIO, f"no room for what is known of device logs: {error}") from error
