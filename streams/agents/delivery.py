"""Batch delivery: a Faust transport that hands an agent one partition's records as a list.

Stock Faust delivers record by record, at 0.8k/s with an awaited send; a batch costs the same as one of its records.
Offsets follow ``Batch.done()`` and nothing else: neither an exception in the agent, nor a rebalance, nor Faust's own
acknowledgements (which are given however the agent's body was left) can commit a record that was not handled.

It overrides private methods of faust-streaming 0.15.3, each for the reason it gives; the version is pinned and
``tests/streams/agents/test_delivery.py`` holds the signatures. Every topic of such an app is delivered in batches.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, ConsumerMessage
from faust.types.transports import TransportT
from mode import Service

from streams import log, progress
from streams.agents.batch import Batch, Consumed, InFlight, Positions, portions
from streams.agents.fetch import BATCH_BYTES, ConsumerThread

MEMBERSHIP_S = 1.0

logger = log.get("delivery")


class Hole(Exception):
    """Records that were never handled are not in the topic any more: a person has to restore them."""


class RawSchema(faust.Schema):  # type: ignore[type-arg]  # Faust's own classes are generic only for its checker
    """The stream's value is the message's value: the Batch."""

    def loads_key(self, *_: Any, **__: Any) -> None:
        """A batch has no key."""

    def loads_value(self, *args: Any, **__: Any) -> Any:
        """The batch, untouched; the arguments are the app and the message."""
        return args[1].value


class BatchConsumer(Consumer):
    """Delivers batches and commits the done prefix of each partition, with no record skipped between two batches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_flight = InFlight()
        self._positions = Positions()
        self._looked_again: dict[TP, int] = {}
        self._unwatch: dict[TP, Callable[[], None]] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's
        """Stock yields record by record. A batch is in flight before it is delivered.

        What was fetched while the flow was stopped is let go: before it goes on, the committed offsets are sought.
        """
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop or not self.flow_active:
            return
        for tp, records in fetched.items():
            for batch in self._batches(tp, await self._new_records(tp, records)):
                if not self.flow_active or generation != self.app.consumer_generation_id or tp not in (active or ()):
                    return
                self.in_flight.add(batch)
                self._positions.advance(batch)
                self._read_offset[tp] = None  # else _drain_messages may drop the batch, and commits would stop for good
                yield tp, self._message(batch, generation)

    def _batches(self, tp: TP, records: Sequence[Consumed]) -> Iterator[Batch]:
        for part in portions(records, cast(BatchApp, self.app).batch_max, BATCH_BYTES):
            yield Batch(tp, part)

    def _message(self, batch: Batch, generation: int) -> ConsumerMessage:
        tp, time = batch.tp, batch.records[0].timestamp / 1000
        return ConsumerMessage(
            tp.topic, tp.partition, batch.last, time, 0, None, None, cast(bytes, batch), None, 0, 0, tp, generation_id=generation
        )  # fmt: skip

    async def _new_records(self, tp: TP, records: Sequence[Consumed]) -> Sequence[Consumed]:
        """Goes back when records were left out: a rebalance at the wrong moment drops what has been fetched.

        What is still missing the second time is not in the topic: deleted, which is refused, or a transaction's marker.
        """
        skipped = self._positions.skipped_from(tp, records)
        if skipped is None:
            return self._positions.new(tp, records)
        if self._looked_again.get(tp) == skipped:
            await self._refuse_hole(tp, skipped)
            return records
        self._looked_again[tp] = skipped
        await self.seek_wait({tp: skipped})
        return ()

    async def _refuse_hole(self, tp: TP, expected: int) -> None:
        earliest = (await self.earliest_offsets(tp))[tp]
        if earliest > expected:
            await self._fail(tp, f"offsets {expected} to {earliest - 1} were deleted before they were handled")

    async def _fail(self, tp: TP, fault: str) -> None:
        hole = Hole(f"{tp.topic}, partition {tp.partition}: {fault}; restore them, then move the group's offset")
        await self.app.crash(hole)
        raise hole

    async def perform_seek(self) -> None:
        """Go to the committed offsets. Stock leaves a partition without one where its last fetch ended."""
        self.in_flight.clear()
        self._looked_again.clear()  # what was missing then was another fetch's
        assigned = self.assignment()
        if not assigned:
            return
        committed = await self.seek_to_committed()
        earliest, ends = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
        for tp in assigned:
            await self._refuse_reset(tp, committed.get(tp), earliest[tp], ends[tp])
        self._committed_offset.update({tp: committed.get(tp) for tp in assigned})
        positions = {tp: earliest[tp] if committed.get(tp) is None else committed[tp] for tp in assigned}
        self._positions.begin(positions)
        await self.seek_wait(positions)
        _tell(positions)

    async def _refuse_reset(self, tp: TP, committed: int | None, earliest: int, end: int) -> None:
        if committed is not None and committed < earliest:
            await self._refuse_hole(tp, committed)
        if committed is not None and committed > end:
            await self._fail(tp, f"committed offset {committed} is after the end {end}: the topic was made anew")

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: the bounded queue itself holds the reader. Stock pauses partitions, then sleeps a second."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        """Stock lists partitions with acknowledged records; batches in flight are what counts."""
        return (tp for tp in self.in_flight.partitions() if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        """Stock takes runs of acknowledged records, also of failed ones."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.in_flight.take_done(tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commits, and makes the offset visible."""
        committed = await super()._commit(offsets)
        for tp, offset in offsets.items() if committed else ():
            progress.HERE.committed(tp.topic, tp.partition, offset)
        return bool(committed)

    @Service.timer(MEMBERSHIP_S)
    async def _watch_membership(self) -> None:
        """Stock hears that its coordinator has given up only when it fetches, which it does not before it has partitions."""
        consumer = self._thread._consumer
        if consumer is None or self.should_stop:
            return
        try:
            await self._thread.call_thread(_check_errors, consumer)
        except KafkaError as error:
            logger.error(
                "membership over", fault=str(error), consequence="the process ends, a supervisor starts it again"
            )
            await self.app.crash(error)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Waiting attempts end; ``super`` waits for running ones and commits; only then is the rest forgotten."""
        self.in_flight.abandon()
        await super().on_partitions_revoked(revoked)
        self.in_flight.forget(revoked)
        for tp in revoked:
            progress.HERE.forget(tp.topic, tp.partition)
            self._unwatch.pop(tp, _nothing)()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Whatever was in flight belongs to the assignment before."""
        self.in_flight.clear()
        cast(BatchApp, self.app).assigned = frozenset(assigned)
        for tp in assigned:
            look = partial(self.in_flight.work, tp)
            self._unwatch[tp] = progress.HERE.watch(f"batches of {tp.topic} {tp.partition}", look)
        logger.info("partitions assigned", partitions=sorted(tp.partition for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)


def _nothing() -> None:
    """Was not watched."""


async def _check_errors(consumer: AIOKafkaConsumer) -> None:
    consumer._coordinator.check_errors()


class BatchTransport(Transport):
    """Stock aiokafka transport with our consumer."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app whose agents get batches of up to ``batch_max`` records, and of ``BATCH_BYTES`` or one record."""

    batch_max = 2000
    assigned: frozenset[TP] | None = None
    """None until the group has given out its partitions"""

    def _new_transport(self) -> TransportT:
        """Stock chooses a driver by URL."""
        return BatchTransport(self.conf.broker_consumer, self)


def _tell(positions: Mapping[TP, int]) -> None:
    for tp, offset in positions.items():
        progress.HERE.begin(tp.topic, tp.partition, offset)
    logger.info("positions", **{str(tp.partition): offset for tp, offset in sorted(positions.items())})
