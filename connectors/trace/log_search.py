"""Looking into a topic near a time, instead of reading all of it."""

from collections import Counter
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams import kafka
from streams.settings import KafkaSettings

READ_AT_ONCE, READ_WITHIN_S = 1000, 0.1
ANSWER_S = 10
MOST = 100_000
"""records of one partition that are looked through"""


class Search:
    """Records of a data topic that were appended between two times (ms), each partition in order.

    ``gave_up``: partitions in which ``MOST`` records did not reach the end.
    """

    def __init__(self, settings: KafkaSettings, topic: str, from_ms: int, until_ms: int) -> None:
        self._settings, self._topic = settings, kafka.topic(settings, topic)
        self._from_ms, self._until_ms = from_ms, until_ms
        self._open: set[int] = set()
        self._seen: Counter[int] = Counter()
        self.gave_up: set[int] = set()

    def messages(self) -> Iterator[Message]:
        """The records.

        Raises:
            KafkaException: the log does not answer.
        """
        reader = kafka.reader(self._settings)
        try:
            starts = self._starts(reader)
            self._open = set(starts)
            reader.assign([TopicPartition(self._topic, p, offset) for p, offset in starts.items()])
            while self._open:
                for message in kafka.taken(reader, READ_AT_ONCE, READ_WITHIN_S):
                    if self._wanted(message):
                        yield message
        finally:
            reader.close()

    def leave(self, partition: int) -> None:
        """Nothing more is wanted of the partition."""
        self._open.discard(partition)

    def _starts(self, reader: Consumer) -> dict[int, int]:
        partitions = reader.list_topics(self._topic, timeout=ANSWER_S).topics[self._topic].partitions
        asked = [TopicPartition(self._topic, partition, max(0, self._from_ms)) for partition in partitions]
        return {p.partition: p.offset for p in reader.offsets_for_times(asked, timeout=ANSWER_S) if p.offset >= 0}

    def _wanted(self, message: Message) -> bool:
        partition, error = message.partition() or 0, message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self.leave(partition)
            kafka.raise_on_error(error)
            return False
        if partition not in self._open or message.timestamp()[1] > self._until_ms:
            self.leave(partition)
            return False
        self._seen[partition] += 1
        if self._seen[partition] >= MOST:
            self.gave_up.add(partition)
            self.leave(partition)
        return True
