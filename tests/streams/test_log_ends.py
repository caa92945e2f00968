"""The ends of the log: asked for data topics that are owned and for all that is followed; Kafka away when it may not be written."""

from types import SimpleNamespace as Of
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import kafka
from streams.log_ends import LogEnds
from streams.settings import KafkaSettings

SETTINGS = KafkaSettings(prefix="t.")
WELL = {0: ([1, 2], [1, 2]), 1: ([1, 2], [2, 1])}


class Reader:
    """A client of a cluster in which `raw` has these replicas and in-sync replicas by partition; every end is 7."""

    def __init__(self, partitions: dict[int, tuple[list[int], list[int]]], fault: KafkaError | None = None) -> None:
        self._partitions, self._fault, self.asked = partitions, fault, list[tuple[str, int]]()

    def list_topics(self, topic: str, timeout: float) -> Any:
        described = {
            number: Of(id=number, error=None, replicas=replicas, isrs=in_sync)
            for number, (replicas, in_sync) in self._partitions.items()
        }
        return Of(topics={topic: Of(error=self._fault, partitions=described)})

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked.append((place.topic, place.partition))
        return 0, 7


def ends(monkeypatch: pytest.MonkeyPatch, reader: Reader, *needed: str) -> LogEnds:
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: reader)
    return LogEnds(SETTINGS, needed)


def test_owned_partitions_of_data_topics_have_ends_and_those_of_registry_topics_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = ends(monkeypatch, Reader({})).measure([("t.raw", 1), ("t.users", 0)], [("t.generations", 0)])

    assert measured == {("t.raw", 1): 7, ("t.generations", 0): 7}


def test_each_partition_of_a_topic_that_is_needed_has_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(WELL)

    assert ends(monkeypatch, reader, "raw").measure([]) == {}
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
        asking.measure([("t.raw", 0)])
