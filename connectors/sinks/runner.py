"""Runs one sink: consume, batch, write, bury what is rejected, commit. Nothing is committed that is not durable outside.

The main thread consumes, commits and answers the group; one worker thread writes. While a batch takes long the
partitions are paused and polling goes on, so that the membership lives and memory stays bounded.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

from confluent_kafka import KafkaException
from msgspec import Struct

from connectors.sinks.base import Deferring, Interruptible, Losing, Partitioned, Record, Settling, Sink, Transient
from connectors.sinks.commit import Position, Start
from connectors.sinks.consumption import Consumption
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.delivery import Abandoned, Delivery
from connectors.sinks.lineages import Lineages
from streams import log, progress
from streams.settings import Settings

POLL_S = 0.1
SETTLE_S = 1.0
UNPAUSED_S = 1.0
"""a write may take so long before fetching pauses (a pause throws away what was fetched ahead)"""
DRAIN_S = 10.0
"""a batch under way may take so long when the process ends or its partitions move; then it is given up"""
STUCK_S = 60.0
"""an attempt that does not even end so long after it was given up can only be ended with the process"""

logger = log.get(__name__)


class _Work(Struct):
    """What the worker thread does now, and the positions that it makes durable."""

    future: "Future[None]"
    positions: dict[Position, int]


class Runner:
    """One sink's process."""

    def __init__(self, settings: Settings, sink: Sink) -> None:
        self._sink, self._prefix = sink, settings.kafka.prefix
        self._consumption = Consumption(settings, sink.name, sink.topics)
        self._dead_letters = DeadLetters(settings.kafka, sink.name)
        self._abandon, self._stopping = Event(), Event()
        self._delivery = Delivery(sink, self._dead_letters, self._abandon, self._set_fault)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sink")
        self._batch_bytes = settings.sink.queue_mb * 1_048_576
        self._buffer: list[Record] = []
        self._bytes = 0
        self._first_at = self._next_settle = 0.0
        self._work: _Work | None = None
        self._done: dict[Position, int] = {}
        self._outside: str | None = None
        self._turns = 0

    def run(self) -> None:
        """Work until ``stop``.

        Raises:
            Hole: committed offsets are out of range.
            SinkFailed: a bug in the sink.
            KafkaException: the membership is over.
        """
        self._await_topics()
        self._consumption.subscribe(self._on_assigned, self._on_revoked)
        unwatch = self._watched()
        try:
            while not self._stopping.is_set():
                self._turn()
                self._turns += 1
            if self._drain():
                self._begin_batch()
        finally:
            unwatch()
            self._close()

    def _watched(self) -> Callable[[], None]:
        turns = progress.HERE.watch("turns of the sink", self._looked_at)
        member = progress.HERE.watch("membership of the sink", self._consumption.membership, progress.Excuse.KAFKA)
        return lambda: (turns(), member())[0]

    def _looked_at(self) -> progress.Work:
        """For the watchdog, which sees no partition that it could look at where a client never comes back."""
        return progress.Work((self._turns, progress.HERE.beats), left=True)

    def stop(self) -> None:
        """End soon: the batch under way is drained and committed. Safe in a signal handler."""
        self._stopping.set()

    @property
    def outside(self) -> str | None:
        """What is away outside, as far as the last attempt told."""
        return self._outside

    def fault(self) -> str | None:
        """What keeps the sink from being ready."""
        if self._outside:
            return f"retrying: {self._outside}"
        return None if self._consumption.member else "not a member of its group, or not told yet what it owns"

    def _turn(self) -> None:
        self._consumption.measure_lag()
        if self._work:
            self._attend()
            return
        self._take(self._sink.batch_records - len(self._buffer))
        if self._due():
            self._begin_batch()
        elif time.monotonic() > self._next_settle:
            self._next_settle = time.monotonic() + SETTLE_S
            self._commit()  # what could not be committed with its batch
            self._begin(self._settle, {})

    def _take(self, limit: int) -> None:
        records = self._consumption.take(max(1, limit), POLL_S)
        if records and not self._buffer:
            self._first_at = time.monotonic()
        self._buffer += records
        self._bytes += sum(len(record.value or b"") for record in records)

    def _due(self) -> bool:
        if len(self._buffer) >= self._sink.batch_records or self._bytes >= self._batch_bytes:
            return True
        return bool(self._buffer) and time.monotonic() - self._first_at >= self._sink.batch_s

    def _begin_batch(self) -> None:
        if not self._buffer:
            return
        batch, self._buffer, self._bytes = self._buffer, [], 0
        positions = {(record.topic, record.partition): record.offset + 1 for record in batch}
        self._begin(lambda: self._delivery.deliver(batch), positions)

    def _begin(self, work: Callable[[], None], positions: dict[Position, int]) -> None:
        self._work = _Work(self._worker.submit(work), positions)
        wait([self._work.future], UNPAUSED_S)

    def _attend(self) -> None:
        """See whether the work is done; if not, keep the membership alive meanwhile."""
        if self._work and not self._work.future.done():
            self._consumption.flow(lambda _: True)
            self._take(1)
        if self._work and self._work.future.done():
            self._finish(self._work)
            self._consumption.flow(self._full)

    def _finish(self, work: "_Work") -> None:
        self._work = None
        work.future.result()
        self._done |= work.positions
        for (topic, partition), after in work.positions.items():
            progress.HERE.handled(self._prefix + topic, partition, after)
        self._commit()

    def _commit(self) -> None:
        self._consumption.commit({p: self._limited(p, offset) for p, offset in self._done.items()}, self._metadata)

    def _limited(self, position: Position, offset: int) -> int:
        hold = self._sink.hold(*position) if isinstance(self._sink, Deferring) else None
        return offset if hold is None else min(hold, offset)

    def _full(self, position: Position) -> bool:
        return isinstance(self._sink, Deferring) and self._sink.full(*position)

    def _metadata(self, position: Position) -> str:
        known = self._delivery.lineages.get(position)
        return known.dump() if known else ""

    def _settle(self) -> None:
        if isinstance(self._sink, Settling):
            try:
                self._sink.settle()
            except Transient as error:
                logger.warning("settle-waits", detail=str(error))
                progress.HERE.waits(str(error))

    def _on_assigned(self, starts: list[Start]) -> None:
        self._delivery.lineages = {start.position: Lineages.load(start.metadata) for start in starts}
        if isinstance(self._sink, Partitioned):
            positions = {start.position: start.offset for start in starts}
            self._worker.submit(self._sink.assigned, positions).result()
        if isinstance(self._sink, Losing) and (again := self._sink.again()):
            self._delivery.lineages |= {position: found.lineages for position, found in again.items()}
            self._consumption.go_back({position: found.offset for position, found in again.items()})

    def _on_revoked(self) -> None:
        """The partitions go away: finish or give up the batch under way, forget the rest."""
        self._drain()
        if isinstance(self._sink, Partitioned):
            self._worker.submit(self._sink.revoked, list(self._delivery.lineages)).result()
        self._buffer, self._bytes = [], 0
        self._done.clear()
        self._delivery.lineages = {}

    def _drain(self) -> bool:
        """Finish the work under way, or give it up; false when it was given up."""
        work = self._work
        if work is None:
            return True
        if not wait([work.future], DRAIN_S).done:
            self._give_up(work)
        try:
            self._finish(work)
        except Abandoned as error:
            logger.warning("batch-abandoned", detail=str(error), consequence="it is read again from the last commit")
            return False
        finally:
            self._abandon.clear()
        return True

    def _give_up(self, work: "_Work") -> None:
        self._abandon.set()
        if isinstance(self._sink, Interruptible):
            self._sink.interrupt()
        if not wait([work.future], STUCK_S).done:
            logger.error("write-stuck", seconds=STUCK_S, consequence="the process ends; nothing of it is committed")
            os._exit(1)

    def _set_fault(self, detail: str | None) -> None:
        self._outside = detail

    def _await_topics(self) -> None:
        pause_s = 0.5
        while not self._stopping.is_set():
            try:
                missing = self._consumption.missing()
            except KafkaException as error:
                logger.warning("kafka-away", detail=error.args[0].str(), next_in_s=pause_s)
            else:
                if not missing:
                    return
                logger.warning("topics-missing", topics=missing, remedy="isthmus topics create", next_in_s=pause_s)
            self._stopping.wait(pause_s)
            pause_s = min(10, pause_s * 2)

    def _close(self) -> None:
        try:
            self._drain()
        finally:
            self._consumption.close(self._commit)
            self._worker.shutdown()
            self._sink.close()
            self._dead_letters.close()
