"""The ends of the log, asked from outside: by a client that belongs to no group, whatever the process's own clients do."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import kafka
from streams.lag import DATA_TOPICS
from streams.progress import Place
from streams.settings import KafkaSettings

ANSWER_S = 5.0


class Ends(Protocol):
    """The log, as the watchdog sees it."""

    def measure(self, owned: Mapping[Place, int], followed: Iterable[Place] = ()) -> Mapping[Place, int]:
        """Where partitions end for who reads what is committed; ``owned``: with the offset that is to be handled next.

        Who owns a partition never consumes the markers of transactions: behind the last record it has nothing left.

        Raises:
            KafkaException: Kafka is away, or does not take what this process needs to write.
        """

    def appended_at(self, place: Place, offset: int) -> float | None:
        """When Kafka appended that record, in s since the epoch; None when it does not come soon."""


class LogEnds:
    """``needed``: topics that must take records, else Kafka counts as away."""

    def __init__(self, settings: KafkaSettings, needed: Sequence[str] = ()) -> None:
        self._plain = {kafka.topic(settings, name) for name in DATA_TOPICS}
        """topics without transactions"""
        self._without_records: dict[Place, tuple[int, int]] = {}
        self._needed = [kafka.topic(settings, name) for name in needed]
        self._settings = settings
        self._reader = self._client()

    def measure(self, owned: Mapping[Place, int], followed: Iterable[Place] = ()) -> Mapping[Place, int]:
        """See Ends. After it was not answered it goes on with another client: this one may have lost Kafka for good."""
        try:
            return self._measure(owned, followed)
        except KafkaException as error:
            if _reached_nobody(error.args[0]):
                self._revive()
            raise

    def appended_at(self, place: Place, offset: int) -> float | None:
        """See Ends."""
        found = self._first(place, offset)
        return found.timestamp()[1] / 1000 if found and found.error() is None else None

    def _revive(self) -> None:
        """Make a new client (librdkafka, issue 5301). It has until the next look to connect."""
        kafka.let_go(self._reader)
        self._reader = self._client()

    def _client(self) -> Consumer:
        small = {"queued.min.messages": 1, "fetch.message.max.bytes": 65_536}
        return kafka.consumer(self._settings, None, **small)

    def _measure(self, owned: Mapping[Place, int], followed: Iterable[Place]) -> Mapping[Place, int]:
        for topic in self._needed:
            self._check(topic)
        places = {*owned, *followed}
        if not self._needed and not places:  # who waits for partitions in vain owns none, and follows none perhaps
            kafka.reached(self._reader, kafka.topic(self._settings, DATA_TOPICS[0]), ANSWER_S)
        ends = {place: self._end(place) for place in places}
        return ends | {
            place: offset
            for place, offset in owned.items()
            if place[0] not in self._plain and offset < ends[place] and not self._holds_records(place, offset, ends)
        }

    def _holds_records(self, place: Place, offset: int, ends: Mapping[Place, int]) -> bool:
        """Whether anything but markers is known to stand from ``offset`` on; markers are, as long as nothing is new."""
        span = offset, ends[place]
        if self._without_records.get(place) == span:
            return False
        found = self._first(place, offset)
        error = found.error() if found else None
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._without_records[place] = span
        return found is not None and error is None

    def _first(self, place: Place, offset: int) -> Message | None:
        """What the client tells first from there on, a record or an error; None when nothing comes soon."""
        self._reader.assign([TopicPartition(*place, offset)])
        try:
            return next(iter(self._reader.consume(1, ANSWER_S)), None)
        finally:
            self._reader.unassign()

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


def _reached_nobody(error: KafkaError) -> bool:
    """Whether the client itself says so, no broker: it has been answered by none, or was told that there is none."""
    return error.code() < 0 or error.code() == KafkaError.LEADER_NOT_AVAILABLE
