"""How far a poller is: read from topic `cursors` at the start, written there after what they speak of is durable.

A cursor that is lost with its process costs one answer that is written twice, and the second changes nothing.
"""

import asyncio

from confluent_kafka import KafkaException

from connectors.sources.backoff import delays
from streams import avro, kafka, log, scan, topics
from streams.core.cursor_record import Cursor
from streams.progress import HERE
from streams.settings import KafkaSettings

LOG = log.get(__name__)

SAVE_S = 5.0


class Cursors:
    """The cursors of one poller: those whose id is its name, or begins with it and a colon."""

    def __init__(self, settings: KafkaSettings, poller: str) -> None:
        self._settings, self._poller = settings, poller
        self._known: dict[str, Cursor] = {}
        self._unsaved: dict[str, Cursor] = {}
        self._changed, self._saved = asyncio.Event(), asyncio.Event()
        self._saved.set()
        self._saving: asyncio.Task[None] | None = None
        self.loaded = False

    async def load(self) -> None:
        """Read them, however long Kafka is away; then keep them saved."""
        for delay in delays(0.5, 10):
            try:
                found = await asyncio.to_thread(self._read)
                break
            except (KafkaException, TimeoutError, topics.TopicError) as error:
                HERE.waits(f"cursors: {error}")
                LOG.warning("cursors-wait-for-kafka", error=str(error), retry_s=round(delay, 1))
                await asyncio.sleep(delay)
        self._known = {cursor.id: cursor for cursor in found if cursor.id.partition(":")[0] == self._poller}
        self._saving = asyncio.create_task(self._save())
        self.loaded = True

    def get(self, id: str) -> Cursor:
        """The cursor; a new one when there is none."""
        return self._known.get(id) or Cursor(id=id)

    def advance(self, cursor: Cursor) -> None:
        """Call when what the cursor speaks of is durable. Counts at once, and is saved as soon as Kafka takes it."""
        self._known[cursor.id] = self._unsaved[cursor.id] = cursor
        self._saved.clear()
        self._changed.set()

    async def close(self) -> None:
        """Save what is unsaved, if Kafka takes it soon."""
        if self._saving is None:
            return
        try:
            async with asyncio.timeout(SAVE_S):
                await self._saved.wait()
        except TimeoutError:
            LOG.warning("cursors-unsaved", cursors=len(self._unsaved))
        self._saving.cancel()

    def _read(self) -> list[Cursor]:
        topics.check(self._settings, timeout_s=1)
        return list(scan.table(self._settings, "cursors", Cursor).values())

    async def _save(self) -> None:
        producer = kafka.BatchProducer(self._settings, linger_ms=1, timeout_s=SAVE_S)
        waits = delays(0.5, 10)
        while True:
            await self._changed.wait()
            self._changed.clear()
            batch, self._unsaved = self._unsaved, {}
            try:
                await asyncio.to_thread(_send, producer, batch)
                waits = delays(0.5, 10)
            except (kafka.Undelivered, KafkaException) as error:
                self._unsaved = batch | self._unsaved
                self._changed.set()
                LOG.warning("cursors-not-saved", error=str(error))
                await asyncio.sleep(next(waits))
            if not self._unsaved:
                self._saved.set()


def _send(producer: kafka.BatchProducer, cursors: dict[str, Cursor]) -> None:
    for cursor in cursors.values():
        producer.send("cursors", cursor.id, avro.encode(cursor))
    producer.flush()
