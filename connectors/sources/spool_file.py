"""A durable queue in one SQLite file: one thread owns it, many puts share one commit (WAL, synchronous=FULL).

Figures and traps: what a full disk does, and why the quota lies well below it, is in DESIGN 4.1.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from msgspec import Struct

from connectors.sources.spool_database import ROW_BYTES, Database, Row
from streams import log

LOG = log.get(__name__)
T = TypeVar("T")

COMMIT_BYTES = 16_777_216
"""About as much goes into one commit; the write-ahead log grows to this."""
RESERVE_BYTES = 67_108_864
"""Disk space that is never used for records, so that deleting them stays possible."""

QUEUED_RECORDS, QUEUED_BYTES = 20_000, 2 * COMMIT_BYTES
"""What may wait in memory: a commit under way and the next one."""

Told = Callable[[], object]
"""Called on the loop."""


class _Put(Struct, frozen=True):
    value: bytes
    stored: Told
    full: Told


Job = Callable[[Database], None]


class SpoolFile:
    """First in, first out; survives kill -9 and power loss. Methods are called on one event loop."""

    def __init__(self, path: Path, quota_bytes: int, *, busy_s: float = 2) -> None:
        self._path, self.directory, self.quota = path, path.parent, quota_bytes
        self._loop = asyncio.get_running_loop()
        self._queued_records = self._queued_bytes = self.removed = 0
        self._database, self._miscounted = Database(path, busy_s), False
        self.records, self.bytes = self._database.measured()
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
        return await self._run(lambda database: database.oldest(most_records, most_bytes))

    async def remove(self, rows: list[Row], removed: Told = lambda: None) -> None:
        """Forget these and all before them; ``removed`` is called at the moment from which they count no more.

        Raises:
            Exception: they are still there, whatever the disk or the memory lacked.
        """
        await self._run(lambda database: self._remove(database, rows, removed))

    async def close(self) -> None:
        """Commit what was put, then close; safe to call twice."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _run(self, work: Callable[[Database], T]) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()

        def job(database: Database) -> None:
            try:
                result = work(database)
            except Exception as error:  # noqa: BLE001 - no memory, too: the thread must go on, and who waits be told
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
            self._count_again()
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

    def _remove(self, database: Database, rows: list[Row], removed: Told) -> None:
        there = database.remove(rows[-1].number)
        self._miscounted |= there != len(rows)  # some had been lost with a file that was damaged
        self._tell(self._forget, rows, removed)

    def _store(self, puts: list[_Put]) -> None:
        try:
            if shutil.disk_usage(self._path.parent).free < RESERVE_BYTES + COMMIT_BYTES:
                raise OSError("the disk is nearly full")
            self._database.insert([(put.value,) for put in puts])
        except Exception as error:  # noqa: BLE001 - as in ``_run``
            self._tell(self._refuse, puts)
            LOG.error("spool-failed", path=str(self._path), error=repr(error))
        else:
            self._tell(self._confirm, puts)

    def _count_again(self) -> None:
        """After the reports of what was done: a fresh file may hold less than the one whose place it took."""
        if not (self._miscounted or self._database.replaced):
            return
        try:
            self._tell(self._recount, *self._database.measured())
        except Exception as error:  # noqa: BLE001 - as in ``_run``; it is tried again with the next job
            LOG.error("spool-failed", path=str(self._path), error=repr(error))
        else:
            self._miscounted = self._database.replaced = False

    def _confirm(self, puts: list[_Put]) -> None:
        self._dequeue(puts)
        for put in puts:
            put.stored()

    def _refuse(self, puts: list[_Put]) -> None:
        self.records -= len(puts)
        self.bytes -= self._dequeue(puts)
        for put in puts:
            put.full()

    def _forget(self, rows: list[Row], removed: Told) -> None:
        self.removed += len(rows)
        self.records -= len(rows)
        self.bytes -= sum(len(row.value) + ROW_BYTES for row in rows)
        removed()

    def _recount(self, records: int, size: int) -> None:
        """So much lies on the disk; what is queued comes to it."""
        self.records, self.bytes = records + self._queued_records, size + self._queued_bytes

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


def _nothing(_database: Database) -> None:
    """No job was waiting."""


def _succeed(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
