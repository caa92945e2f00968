"""What decoders remember, as a decode worker has it: topic `memories`, and what its own batches added.

Whether a record changes a memory follows from the records before it alone. So it does no harm to know early what a batch
adds, nor to write it twice; only to decode a record without what stands before it.
"""

import asyncio
import threading

from confluent_kafka import KafkaException, TopicPartition

from streams import avro, kafka, log, metrics, progress
from streams.agents.batch import Batch
from streams.agents.output import MEMORIES, UNDECODABLE
from streams.agents.up_to_date import catch_up
from streams.core.memory import Entries, History, Kept, Remembered, Sums
from streams.core.records import Lineage, RawRecord
from streams.settings import KafkaSettings
from streams.view import CompactedView

BACK_OFF_S, ANSWER_S = 1, 10

logger = log.get("memories")


class Memories:
    """Follows the topic, whose records are bounded where they are made (``core.memory.Recall``)."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.view = CompactedView(settings, MEMORIES, Remembered, self._read)
        self._settings, self._history, self._lock = settings, History(), threading.Lock()
        self._next: dict[int, int] = {}

    def of(self, key: str, partition: int) -> Entries:
        """See ``core.memory.Recollection``."""
        return self._history.of(key, partition)

    def sums(self, key: str, partition: int) -> Sums:
        """See ``core.memory.Recollection``."""
        with self._lock:
            return self._history.sums(key, partition)

    def add(self, kept: Kept, lineage: Lineage) -> None:
        """A batch adds this."""
        with self._lock:
            self._history.add(kept.key, lineage, kept.record)
        metrics.MEMORIES.set(len(self._history))

    async def reach(self, batch: Batch) -> bool:
        """Wait until all is known that stands before the batch; False when it was abandoned meanwhile.

        A worker that handled the records before it knows; one that takes the partition over reads what its predecessor
        wrote, all of which is older than what it had committed.
        """
        if self._next.get(batch.tp.partition) == batch.first:
            return True
        return await catch_up(self.view, await self._end(batch), batch)

    def passed(self, batch: Batch) -> None:
        """All of the batch is durable."""
        self._next[batch.tp.partition] = batch.last + 1

    async def _end(self, batch: Batch) -> int:
        """The offset after the topic's last record; waits while Kafka is away."""
        while not batch.abandoned:
            try:
                return await asyncio.to_thread(self._ask_end)
            except KafkaException as fault:
                logger.warning("waiting for the end of memories", fault=str(fault))
                progress.HERE.waits(str(fault))
                await batch.pause(BACK_OFF_S)
        return 0

    def _ask_end(self) -> int:
        reader = kafka.consumer(self._settings, None)
        try:
            topic = TopicPartition(kafka.topic(self._settings, MEMORIES), 0)
            end: int = kafka.watermarks(reader, topic, ANSWER_S)[1]
        finally:
            reader.close()
        return end

    def _read(self, place: bytes, found: Remembered | None, offset: int) -> None:
        """The view keeps nothing of its own: each record has a key of its own, and stands in the history."""
        self.view.forget(place)
        if found is None:
            return
        try:
            raw = avro.decode(found.record, RawRecord)
        except UNDECODABLE as fault:
            self.view.skip(offset, str(fault))
        else:
            self.add(Kept(found.key, raw), Lineage(found.raw_partition, found.raw_offset))
