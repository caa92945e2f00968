"""A durable queue in one SQLite file: one thread owns it, many puts share one commit (WAL, synchronous=FULL).

Figures and traps: what a full disk does, and why the quota lies well below it, is in DESIGN 4.1.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from msgspec import Struct

from streams import log

LOG = log.get(__name__)
T = TypeVar("T")

COMMIT_BYTES = 16_777_216
"""About as much goes into one commit; the write-ahead log grows to this."""
RESERVE_BYTES = 67_108_864
"""Disk space that is never used for records, so that deleting them stays possible."""
ROW_BYTES = 64
"""What a row costs besides its value, as far as the quota is concerned."""

QUEUED_RECORDS, QUEUED_BYTES = 20_000, 2 * COMMIT_BYTES
"""What may wait in memory: a commit under way and the next one."""

Told = Callable[[], object]
"""Called on the loop."""


class SpoolError(Exception):
    """The spool cannot be opened; a person has to look."""


class Row(Struct, frozen=True):
    """A value and its place in the queue."""

    number: int
    value: bytes


class _Put(Struct, frozen=True):
    value: bytes
    stored: Told
    full: Told


Job = Callable[[sqlite3.Connection], None]


class SpoolFile:
    """First in, first out; survives kill -9 and power loss. Methods are called on one event loop."""

    def __init__(self, path: Path, quota_bytes: int, *, busy_s: float = 2) -> None:
        self._path, self.quota = path, quota_bytes
        self._loop = asyncio.get_running_loop()
        self._database = _open(path, busy_s)
        self.records, self.bytes = _measure(self._database)
        self._queued_records = self._queued_bytes = 0
        self._jobs: SimpleQueue[_Put | Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    def put(self, value: bytes, stored: Told, full: Told) -> None:
        """Queue a value, counted by ``records`` and ``bytes`` from now on.

        ``stored`` is called when it is durable, or ``full`` (maybe at once) when there is no space for it.
        """
        size = len(value) + ROW_BYTES
        if self.bytes + size > self.quota:
            full()
            return
        self.records, self.bytes = self.records + 1, self.bytes + size
        self._queued_records, self._queued_bytes = self._queued_records + 1, self._queued_bytes + size
        self._jobs.put(_Put(value, stored, full))

    def has_space(self) -> bool:
        """Whether quota and disk leave space for another commit; a disk that does not say leaves none."""
        try:
            free = shutil.disk_usage(self._path.parent).free
        except OSError:
            return False
        return self.bytes < self.quota and free > RESERVE_BYTES + COMMIT_BYTES

    def keeps_up(self) -> bool:
        """Whether what was put and is not on the disk yet is little enough to put more."""
        return self._queued_records < QUEUED_RECORDS and self._queued_bytes < QUEUED_BYTES

    async def read(self, most_records: int, most_bytes: int) -> list[Row]:
        """The oldest values, at least one if there is any."""
        return await self._run(lambda database: _oldest(database, most_records, most_bytes))

    async def remove(self, rows: list[Row]) -> None:
        """Forget these and all before them.

        Raises:
            sqlite3.Error: they are still there.
        """
        last = rows[-1].number
        await self._run(lambda database: _remove(database, last))
        self.records -= len(rows)
        self.bytes -= sum(len(row.value) + ROW_BYTES for row in rows)

    async def close(self) -> None:
        """Commit what was put, then close; safe to call twice."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()

        def job(database: sqlite3.Connection) -> None:
            try:
                result = work(database)
            except sqlite3.Error as error:
                self._tell(_fail, answer, error)
            else:
                self._tell(_succeed, answer, result)

        self._jobs.put(job)
        return await answer

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if isinstance(job, _Put):
                job = self._commit(job)
            if job is None:
                break
            job(self._database)
        self._database.close()

    def _commit(self, first: _Put) -> Job | None:
        """Commit ``first`` and what waits behind it; the job that came after them."""
        puts, size, after = [first], len(first.value), _nothing
        while size < COMMIT_BYTES and not self._jobs.empty():
            job = self._jobs.get()
            if not isinstance(job, _Put):
                self._store(puts)
                return job
            puts.append(job)
            size += len(job.value)
        self._store(puts)
        return after

    def _store(self, puts: list[_Put]) -> None:
        try:
            if shutil.disk_usage(self._path.parent).free < RESERVE_BYTES + COMMIT_BYTES:
                raise OSError("the disk is nearly full")
            with self._database:
                self._database.executemany("INSERT INTO spool (value) VALUES (?)", [(put.value,) for put in puts])
        except (sqlite3.Error, OSError) as error:
            LOG.error("spool-failed", path=str(self._path), error=str(error))
            self._tell(self._refuse, puts)
        else:
            self._tell(self._confirm, puts)

    def _confirm(self, puts: list[_Put]) -> None:
        self._dequeue(puts)
        for put in puts:
            put.stored()

    def _refuse(self, puts: list[_Put]) -> None:
        self.records -= len(puts)
        self.bytes -= self._dequeue(puts)
        for put in puts:
            put.full()

    def _dequeue(self, puts: list[_Put]) -> int:
        """They wait no more; their size in bytes."""
        size = sum(len(put.value) + ROW_BYTES for put in puts)
        self._queued_records -= len(puts)
        self._queued_bytes -= size
        return size

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left who could acknowledge
            LOG.warning("spool-unheard", path=str(self._path))


def _open(path: Path, busy_s: float) -> sqlite3.Connection:
    """Open or create; the exclusive lock keeps a second process out and dies with this one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=busy_s, check_same_thread=False)
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS spool (number INTEGER PRIMARY KEY AUTOINCREMENT, value BLOB NOT NULL)"
            )
    except (sqlite3.Error, OSError) as error:
        raise SpoolError(f"spool {path}: {error} (in use by another process, or damaged?)") from error
    return database


def _measure(database: sqlite3.Connection) -> tuple[int, int]:
    row = database.execute("SELECT count(*), coalesce(sum(length(value) + ?), 0) FROM spool", (ROW_BYTES,)).fetchone()
    return int(row[0]), int(row[1])


def _oldest(database: sqlite3.Connection, most_records: int, most_bytes: int) -> list[Row]:
    rows: list[Row] = []
    found = database.execute("SELECT number, value FROM spool ORDER BY number LIMIT ?", (most_records,))
    for number, value in found:
        rows.append(Row(number, value))
        most_bytes -= len(value)
        if most_bytes <= 0:
            break
    found.close()
    return rows


def _remove(database: sqlite3.Connection, last: int) -> None:
    with database:
        database.execute("DELETE FROM spool WHERE number <= ?", (last,))
    if database.execute("SELECT 1 FROM spool LIMIT 1").fetchone() is None:
        # A script: execute() would stop after the first page that the vacuum gives back.
        database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")


def _nothing(_database: sqlite3.Connection) -> None:
    """No job was waiting."""


def _succeed(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: sqlite3.Error) -> None:
    if not answer.done():
        answer.set_exception(error)
