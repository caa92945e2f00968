"""A RawWriter around a RawWriter: the disk takes over when the inner one does not confirm in time.

Decisions. While the inner writer is away, new records go to the spool only: order is kept and the inner writer's memory
stays bounded. Once the drain has caught up to its last batch they go straight again, so a few hundred may overtake each
other; nothing downstream relies on order. A record that timed out at the inner writer may be delivered by both.
"""

import asyncio
import time

from msgspec import Struct

from connectors.sources.backoff import delays
from connectors.sources.base import Done, Full, RawWriter, settle
from connectors.sources.spool_aside import Aside, Tell, opened
from connectors.sources.spool_database import Row
from connectors.sources.spool_file import SpoolFile
from streams import avro, log
from streams.core.records import DeadLetter, RawRecord
from streams.metrics import SPOOL_BYTES, SPOOL_QUOTA, SPOOL_RECORDS
from streams.progress import HERE, Work

LOG = log.get(__name__)

BATCH_RECORDS, BATCH_BYTES = 1000, 33_554_432
RETRY_S = 5.0
LEAVE_S = 5.0
"""So long ``close`` waits for the disk to forget what the inner writer has confirmed."""


class _Entry(Struct, eq=False):
    """A record on its way; ``refuse`` is None when its door cannot be told that there is no room."""

    record: RawRecord
    done: Done
    refuse: Done | None = None
    handed: bool = False
    settled: bool = False
    timer: asyncio.TimerHandle | None = None


class _Batch(Struct):
    """What was read and handed over; ``left`` of it are not confirmed yet."""

    left: int
    confirmed: asyncio.Future[None]

    def done(self) -> None:
        """One more is confirmed."""
        self.left -= 1
        if not self.left:
            settle(self.confirmed)


class SpoolWriter:
    """Waits ``takeover_s`` for ``inner``; ``write`` raises Full when neither it nor the disk takes the record.

    What lies on the disk and is no record is put ``aside``, and a letter about it given to ``tell``.
    """

    def __init__(
        self, inner: RawWriter, file: SpoolFile, takeover_s: float, connector: str = "", tell: Tell | None = None
    ) -> None:
        self._inner, self._file, self._takeover_s = inner, file, takeover_s
        self._aside, self._tell = Aside(file.directory / "diverted", connector), tell
        self._batch: _Batch | None = None
        self._loop = asyncio.get_running_loop()
        self._away, self._closed = file.records > 0, False
        self._handed: set[_Entry] = set()
        self._stranded: set[_Entry] = set()
        """Those that neither the inner writer nor the disk has taken yet."""
        self._last_confirmed = -takeover_s
        self._wake = asyncio.Event()
        self._wake.set()
        self._draining = self._loop.create_task(self._drain())
        SPOOL_RECORDS.labels(connector).set_function(lambda: file.records)
        SPOOL_BYTES.labels(connector).set_function(lambda: file.bytes)
        SPOOL_QUOTA.labels(connector).set(file.quota)

    def has_room(self) -> bool:
        """See RawWriter: where the next record would go, straight or by the disk, there is room for it."""
        straight = self._inner.has_room()
        if straight and not self._away:
            return True
        return self._file.keeps_up() and (straight or (not self._stranded and self._file.has_space()))

    @property
    def spooled(self) -> int:
        """Records that wait on the disk."""
        return self._file.records

    def work(self) -> Work:
        """What lies on the disk: it moves when something leaves it. Asked from any thread."""
        return Work(self._file.removed, left=self._file.records > 0)

    def takes_over(self) -> bool:
        """Whether the disk can take records while the inner writer is away."""
        return self._file.has_space()

    def submit(self, record: RawRecord, done: Done) -> None:
        """See RawWriter; a full disk only means waiting for the inner writer."""
        self._take(_Entry(record, done))

    async def write(self, record: RawRecord) -> None:
        """See RawWriter."""
        durable: asyncio.Future[None] = self._loop.create_future()
        full = Full("Kafka does not confirm and the spool takes no more")
        self._take(_Entry(record, lambda: settle(durable), lambda: settle(durable, full)))
        await durable

    async def close(self) -> None:
        """See RawWriter; what the inner writer does not confirm by then stays in the spool."""
        if self._closed:
            return
        self._closed = True
        await self._inner.close()
        await self._leave()
        for entry in list(self._handed):
            self._to_spool(entry)
        await self._file.close()
        await asyncio.sleep(0)  # the last reports are behind us on the loop

    async def _leave(self) -> None:
        """End the drain; a batch that is confirmed is removed first, else the next process would send it again."""
        self._wake.set()
        if self._batch is None or not self._batch.left:
            await asyncio.wait([self._draining], timeout=LEAVE_S)
        self._draining.cancel()

    def _take(self, entry: _Entry) -> None:
        if self._closed:
            raise Full("closed")
        if self._away or not self._inner.has_room():
            self._to_spool(entry)
        else:
            self._to_inner(entry)

    def _to_inner(self, entry: _Entry) -> None:
        entry.handed = True
        self._handed.add(entry)
        self._stranded.discard(entry)
        self._inner.submit(entry.record, lambda: self._settle(entry, entry.done))
        self._wait_for(entry)

    def _wait_for(self, entry: _Entry) -> None:
        entry.timer = self._loop.call_later(self._takeover_s, self._take_over, entry)

    def _take_over(self, entry: _Entry) -> None:
        if not entry.settled and not self._closed:
            self._to_spool(entry)

    def _to_spool(self, entry: _Entry) -> None:
        self._file.put(avro.encode(entry.record), lambda: self._spooled(entry), lambda: self._full(entry))

    def _spooled(self, entry: _Entry) -> None:
        if entry.handed and not self._away:
            self._away = True
            LOG.warning("spool-takes-over", after_s=self._takeover_s)
        self._wake.set()
        self._settle(entry, entry.done)

    def _full(self, entry: _Entry) -> None:
        """The disk does not take it: the inner writer must, if it is confirming or the sender cannot be told."""
        confirming = time.monotonic() - self._last_confirmed < self._takeover_s
        if not entry.handed and not self._closed and self._inner.has_room() and (confirming or not entry.refuse):
            self._to_inner(entry)
        elif entry.refuse:
            self._settle(entry, entry.refuse)
        else:
            if not entry.handed:
                self._stranded.add(entry)
            self._wait_for(entry)

    def _settle(self, entry: _Entry, outcome: Done) -> None:
        if not entry.settled:
            entry.settled = True
            if entry.timer:
                entry.timer.cancel()  # it holds the record
            self._handed.discard(entry)
            self._stranded.discard(entry)
            outcome()

    async def _drain(self) -> None:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._drain_all()
            except Exception as error:  # noqa: BLE001 - of the disk, of a row, no memory: who drains must go on
                self._come_back()  # whether Kafka confirms, the next record will show
                HERE.waits(f"spool: {error!r}")
                LOG.error("spool-drain-failed", error=repr(error), retry_s=RETRY_S)
                self._loop.call_later(RETRY_S, self._wake.set)

    async def _drain_all(self) -> None:
        """In order, batch by batch, each removed once all of it is confirmed."""
        while not self._closed and (rows := await self._file.read(BATCH_RECORDS, BATCH_BYTES)):
            records, letters = await self._sorted(rows)
            if self._closed:
                return
            started = time.monotonic()
            await self._confirmed(records, letters)
            self._last_confirmed = time.monotonic()
            await self._remove(rows, in_time=self._last_confirmed - started < self._takeover_s)
        self._come_back()

    def _caught_up(self) -> None:
        if self._file.records < BATCH_RECORDS:
            self._come_back()

    def _come_back(self) -> None:
        if self._away:
            self._away = False
            LOG.info("spool-steps-back", waiting=self._file.records)

    async def _sorted(self, rows: list[Row]) -> tuple[list[RawRecord], list[DeadLetter]]:
        """The records, and letters about rows that hold none: all of them, before any is handed over."""
        records, letters = list[RawRecord](), list[DeadLetter]()
        for row in rows:
            try:
                records.append(opened(row))
            except avro.AvroError as error:
                letters.append(await self._aside.keep(row, error))
        return records, letters if self._tell else []

    async def _confirmed(self, records: list[RawRecord], letters: list[DeadLetter]) -> None:
        batch = self._batch = _Batch(len(records) + len(letters), self._loop.create_future())
        for record in records:
            self._inner.submit(record, batch.done)
        for letter in letters:
            if self._tell:
                self._tell(letter, batch.done)
        if batch.left:
            await batch.confirmed

    async def _remove(self, rows: list[Row], *, in_time: bool) -> None:
        for delay in delays(0.1, 10):
            try:
                await self._file.remove(rows, self._caught_up if in_time else lambda: None)
                return
            except Exception as error:  # noqa: BLE001 - as in ``_drain``
                self._come_back()  # Kafka confirms, and this disk is of no use now
                HERE.waits(f"spool: {error!r}")
                LOG.error("spool-remove-failed", error=repr(error), retry_s=round(delay, 1))
                await asyncio.sleep(delay)
