"""The ends of the log, asked from outside: by a client that belongs to no group, whatever the process's own clients do."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import kafka
from streams.lag import DATA_TOPICS
from streams.progress import Place
from streams.settings import KafkaSettings

ANSWER_S = 5.0


class Ends(Protocol):
    """The log, as the watchdog sees it."""

    def measure(self, owned: Iterable[Place], followed: Iterable[Place] = ()) -> Mapping[Place, int]:
        """Where partitions end for who reads what is committed; ``owned`` ones of data topics only.

        Raises:
            KafkaException: Kafka is away, or does not take what this process needs to write.
        """

    def appended_at(self, place: Place, offset: int) -> float | None:
        """When Kafka appended that record, in s since the epoch; None when it does not come soon."""


class LogEnds:
    """``needed``: topics that must take records, else Kafka counts as away."""

    def __init__(self, settings: KafkaSettings, needed: Sequence[str] = ()) -> None:
        self._topics = {kafka.topic(settings, name) for name in DATA_TOPICS}
        self._needed = [kafka.topic(settings, name) for name in needed]
        self._reader = kafka.consumer(settings, None, **{"queued.min.messages": 1, "fetch.message.max.bytes": 65_536})

    def measure(self, owned: Iterable[Place], followed: Iterable[Place] = ()) -> Mapping[Place, int]:
        """See Ends."""
        for topic in self._needed:
            self._check(topic)
        asked = {place for place in owned if place[0] in self._topics} | set(followed)
        return {place: self._end(place) for place in asked}

    def appended_at(self, place: Place, offset: int) -> float | None:
        """See Ends."""
        self._reader.assign([TopicPartition(*place, offset)])
        try:
            found = [message for message in self._reader.consume(1, ANSWER_S) if message.error() is None]
        finally:
            self._reader.unassign()
        return found[0].timestamp()[1] / 1000 if found else None

    def _check(self, topic: str) -> None:
        """A partition that lacks a replica may refuse to be written (``min.insync.replicas``) though it can be read."""
        described = self._reader.list_topics(topic, timeout=ANSWER_S).topics[topic]
        if described.error:
            raise KafkaException(described.error)
        for partition in described.partitions.values():
            if partition.error or len(partition.isrs) < len(partition.replicas):
                raise KafkaException(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
            self._end((topic, partition.id))

    def _end(self, place: Place) -> int:
        end: int = self._reader.get_watermark_offsets(TopicPartition(*place), timeout=ANSWER_S)[1]
        return end
