"""Raw records as they stand in the log: from Kafka what it still has, from the archive what it has no more.

Read by a consumer without a group, which commits nothing and is seen by nobody's lag.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct, field

from streams import kafka, log, progress
from streams.archive import Archived, Hole
from streams.core.times import MILLISECOND
from streams.replay import shelves
from streams.settings import Settings

RAW = "raw"
READ_AT_ONCE, READ_WITHIN_S = 2000, 0.1
CHUNK_BYTES = 8_000_000
BACK_OFF_S = (0.2, 0.5, 1, 2, 5)
ANSWER_S = 10
CONSUMER = {
    "auto.offset.reset": "error",  # offsets that are gone are told, not jumped over
    "isolation.level": "read_uncommitted",  # as the decode agent reads
}
NOT_THERE = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)
"""Kafka has no such offset: deleted meanwhile, or not known again yet."""
GONE_AFTER_S = 30
"""A log that ends before offsets that it had: a new leader may need a moment to know them again."""

logger = log.get("replay")


class Chunk(Struct, frozen=True):
    """Records of one raw partition in order, as (offset, value); ``next`` is the offset to go on from.

    ``appended``: when Kafka appended each, ns. Offsets that are missing between hold no record (transaction markers).
    """

    partition: int
    first: int
    next: int
    records: list[tuple[int, bytes]]
    appended: list[int]


def records(
    settings: Settings, start: Mapping[int, int], ends: Mapping[int, int], *, archive: str | None = None
) -> Iterator[Chunk | Hole]:
    """Every record of raw from ``start`` (0 where not named) to ``ends`` (excluded): chunks and holes cover every offset.

    ``archive`` is an fsspec URL; None: the archive and its copy as set. While Kafka is away it waits.

    Raises:
        KafkaException: the cluster refuses, or raw does not exist.
        OSError: the archive is away.
    """
    reader = _Reader(settings, start, ends, shelves.urls(settings, archive))
    try:
        while reader.positions:
            yield from reader.turn()
    finally:
        reader.close()


class _Growing(Struct):
    """A chunk that grows."""

    partition: int
    first: int
    records: list[tuple[int, bytes]] = field(default_factory=list)
    appended: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, offset: int, value: bytes, appended: int) -> bool:
        """Take a record; say whether that is enough."""
        self.records.append((offset, value))
        self.appended.append(appended)
        self.size += len(value)
        return self.size >= CHUNK_BYTES


class _Reader:
    """Where each partition stands that is not through, and what it is read from: the archive or Kafka."""

    def __init__(self, settings: Settings, start: Mapping[int, int], ends: Mapping[int, int], urls: list[str]) -> None:
        self._ends, self._urls = ends, urls
        self.positions = {p: start.get(p, 0) for p, end in ends.items() if start.get(p, 0) < end}
        self._archived: dict[int, Iterator[Archived | Hole]] = {}
        self._assigned: set[int] = set()
        self._settings, self._topic = settings.kafka, kafka.topic(settings.kafka, RAW)
        self._open()
        self._at_once = min(READ_AT_ONCE, settings.replay.records_per_s or READ_AT_ONCE)

    def turn(self) -> Iterator[Chunk | Hole]:
        """A little of every partition."""
        for partition in sorted(self.positions.keys() - self._assigned - self._archived.keys()):
            self._place(partition)
        for partition in list(self._archived):
            yield from self._read_archive(partition)
        if self._assigned:
            yield from self._read_kafka()

    def close(self) -> None:
        """Let go of Kafka, which the client may have lost."""
        kafka.let_go(self._consumer, kafka.ENDING_S)

    def _open(self) -> None:
        self._consumer = kafka.consumer(self._settings, None, **CONSUMER)
        self._doubt = kafka.Doubt(self._consumer, self._topic)

    def _look(self, *, sign: bool) -> None:
        """Go on with another client, from where each partition stands, when this one reaches nobody."""
        try:
            self._doubt.look(sign=sign)
        except KafkaException as fault:
            logger.warning("waiting for Kafka", fault=str(fault))
            kafka.let_go(self._consumer)
            self._open()
            self._assigned.clear()

    def _place(self, partition: int) -> None:
        """Decide where the partition is read from next."""
        position, end = self.positions[partition], self._ends[partition]
        low, high = self._marks(partition, position)
        if low <= position < high:
            self._consumer.incremental_assign([TopicPartition(self._topic, partition, position)])
            self._assigned.add(partition)
        else:
            until = min(low, end) if position < low else end
            self._archived[partition] = shelves.read(self._urls, partition, position, until)

    def _marks(self, partition: int, position: int) -> tuple[int, int]:
        """The first offset that Kafka has and the one after its last; waits while Kafka is away."""
        asked, tries, began = TopicPartition(self._topic, partition), 0, time.monotonic()
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(asked, ANSWER_S, cached=False)
            except KafkaException as fault:
                kafka.raise_on_error(fault.args[0])
                if not tries:
                    logger.warning("waiting for Kafka", fault=str(fault))
                self._look(sign=False)
            else:
                if position < high or time.monotonic() - began > GONE_AFTER_S:
                    return low, high
            time.sleep(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
            tries += 1

    def _read_archive(self, partition: int) -> Iterator[Chunk | Hole]:
        chunk = _Growing(partition, self.positions[partition])
        for found in self._archived[partition]:
            if isinstance(found, Hole):
                yield from self._give(chunk, found.first)
                yield from self._give_hole(found)
                chunk = _Growing(partition, found.last + 1)
            elif chunk.add(found.offset, found.value or b"", found.timestamp) or len(chunk.records) >= self._at_once:
                yield from self._give(chunk, found.offset + 1)
                return
        self._archived.pop(partition, None)
        if chunk.records:
            yield from self._give(chunk, chunk.records[-1][0] + 1)

    def _read_kafka(self) -> Iterator[Chunk]:
        came: dict[int, list[Message]] = defaultdict(list)
        for message in self._consumer.consume(self._at_once, 0 if self._archived else READ_WITHIN_S):
            partition = message.partition()
            if partition in self._assigned:
                came[partition].append(message)
            else:
                kafka.raise_on_error(message.error())
        for partition, messages in came.items():
            yield from self._take(partition, messages)
        self._look(sign=bool(came))

    def _take(self, partition: int, messages: list[Message]) -> Iterator[Chunk]:
        at, end = self.positions[partition], self._ends[partition]
        chunk = _Growing(partition, at)
        for message in messages:
            offset, error = message.offset() or 0, message.error()
            if error is None and at <= offset < end:
                at = offset + 1
                if chunk.add(offset, message.value() or b"", message.timestamp()[1] * MILLISECOND):
                    yield from self._give(chunk, at)
                    chunk = _Growing(partition, at)
            elif offset >= end and (error is None or error.code() == KafkaError._PARTITION_EOF):
                at = end
            elif error is not None and error.code() in NOT_THERE:
                self._let_go(partition)
                break
            else:
                kafka.raise_on_error(error)
        yield from self._give(chunk, at)

    def _give(self, chunk: _Growing, next_: int) -> Iterator[Chunk]:
        if chunk.first < next_:
            self._advance(chunk.partition, next_)
            yield Chunk(chunk.partition, chunk.first, next_, chunk.records, chunk.appended)

    def _give_hole(self, hole: Hole) -> Iterator[Hole]:
        logger.warning("hole in raw", partition=hole.partition, first=hole.first, last=hole.last, why=hole.why)
        self._advance(hole.partition, hole.last + 1)
        yield hole

    def _advance(self, partition: int, position: int) -> None:
        self.positions[partition] = position
        progress.HERE.beat()
        if position >= self._ends[partition]:
            del self.positions[partition]
            self._archived.pop(partition, None)
            self._let_go(partition)

    def _let_go(self, partition: int) -> None:
        if partition in self._assigned:
            self._assigned.discard(partition)
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
