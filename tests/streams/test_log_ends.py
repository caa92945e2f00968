"""The ends of the log: of what is owned without markers at the end, of what is followed with them; Kafka away when it may
not be written."""

from types import SimpleNamespace as Of
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import kafka, log_ends
from streams.log_ends import LogEnds
from streams.settings import KafkaSettings

SETTINGS = KafkaSettings(prefix="t.")
WELL = {0: ([1, 2], [1, 2]), 1: ([1, 2], [2, 1])}


class Reader:
    """A client of a cluster in which `raw` has these replicas and in-sync replicas by partition, and all the same end.

    ``records``: the offset of the last record of partitions that have any.
    """

    def __init__(self, partitions: dict[int, tuple[list[int], list[int]]], fault: KafkaError | None = None) -> None:
        self._partitions, self._fault, self.asked = partitions, fault, list[tuple[str, int]]()
        self.end, self.records = 7, dict[tuple[str, int], int]()
        self.looked_up, self.silent = list[tuple[str, int]](), False

    def list_topics(self, topic: str, timeout: float) -> Any:
        described = {
            number: Of(id=number, error=None, replicas=replicas, isrs=in_sync)
            for number, (replicas, in_sync) in self._partitions.items()
        }
        return Of(topics={topic: Of(error=self._fault, partitions=described)})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked.append((place.topic, place.partition))
        return 0, self.end

    def assign(self, places: list[TopicPartition]) -> None:
        self._assigned = places[0]
        self.looked_up.append((places[0].topic, places[0].partition))

    def unassign(self) -> None:
        pass

    def consume(self, _: int, __: float) -> list[Any]:
        last = self.records.get((self._assigned.topic, self._assigned.partition), -1)
        there = last >= self._assigned.offset
        if self.silent:
            return []
        error = None if there else KafkaError(KafkaError._PARTITION_EOF)
        return [Of(error=lambda: error, timestamp=lambda: (2, 1000))]


def ends(monkeypatch: pytest.MonkeyPatch, reader: Reader, *needed: str) -> LogEnds:
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: reader)
    return LogEnds(SETTINGS, needed)


def test_markers_at_its_end_are_nothing_to_do_for_who_owns_a_registry_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Reader({})
    asking = ends(monkeypatch, reader)
    owned = {("t.raw", 1): 5, ("t.users", 0): 6, ("t.rules", 0): 7, ("t.codecs", 0): 4}
    reader.records = {("t.codecs", 0): 4}

    for _ in range(2):
        assert asking.measure(owned, [("t.generations", 0)]) == {
            ("t.raw", 1): 7,
            ("t.users", 0): 6,
            ("t.rules", 0): 7,
            ("t.codecs", 0): 7,
            ("t.generations", 0): 7,
        }
    assert reader.looked_up.count(("t.users", 0)) == 1
    assert ("t.rules", 0) not in reader.looked_up


def test_what_is_written_behind_markers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader({})
    asking = ends(monkeypatch, reader)
    assert asking.measure({("t.users", 0): 6}) == {("t.users", 0): 6}

    reader.records, reader.end = {("t.users", 0): 7}, 9

    assert asking.measure({("t.users", 0): 6}) == {("t.users", 0): 9}


def test_what_does_not_answer_soon_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader({})
    asking = ends(monkeypatch, reader)
    reader.records, reader.silent = {("t.users", 0): 6}, True
    assert asking.measure({("t.users", 0): 6}) == {("t.users", 0): 6}

    reader.silent = False

    assert asking.measure({("t.users", 0): 6}) == {("t.users", 0): 7}


def test_each_partition_of_a_topic_that_is_needed_has_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(WELL)

    assert ends(monkeypatch, reader, "raw").measure({}) == {}
    assert reader.asked == [("t.raw", 0), ("t.raw", 1)]


@pytest.mark.parametrize(
    "reader",
    [
        Reader(WELL | {1: ([1, 2], [2])}),
        Reader(WELL, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)),
    ],
    ids=["lacks-a-replica", "is-not-there"],
)
def test_a_needed_topic_that_may_refuse_records_counts_as_kafka_away(
    monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    asking = ends(monkeypatch, reader, "raw")

    with pytest.raises(KafkaException):
        asking.measure({("t.raw", 0): 0})


class Lost(Reader):
    """A client that has lost Kafka for good."""

    closed = False

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def close(self) -> None:
        self.closed = True


class Alone(Lost):
    """A client that knows of no broker."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        return Of(topics={}, brokers={})


def test_who_asks_for_no_partition_is_told_too_that_kafka_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that has lost its partitions and follows nothing was ended after five minutes of an outage."""
    with pytest.raises(KafkaException):
        ends(monkeypatch, Alone({})).measure({})


def test_a_client_that_has_lost_kafka_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost({})
    asking = ends(monkeypatch, lost)
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: Reader({}))

    with pytest.raises(KafkaException):
        asking.measure({("t.raw", 0): 0})

    assert lost.closed
    assert asking.measure({("t.raw", 0): 0}) == {("t.raw", 0): 7}


def test_a_real_client_that_reaches_nobody_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_ends, "ANSWER_S", 0.1)
    asking = LogEnds(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    before = asking._reader

    with pytest.raises(KafkaException):
        asking.measure({("raw", 0): 0})

    assert asking._reader is not before
    asking._reader.close()


def test_a_client_that_brings_an_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(WELL | {1: ([1, 2], [2])})
    asking = ends(monkeypatch, reader, "raw")
    others: list[Reader] = []
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: others.append(Reader({})))

    with pytest.raises(KafkaException):
        asking.measure({})

    assert others == []
