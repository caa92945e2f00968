"""A partition that is about to get its leader is waited for, and a group that is about to get its coordinator."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams import kafka

ASKED = TopicPartition("raw", 0)


class Reader:
    """Fails with these codes, one after another, then answers."""

    def __init__(self, *codes: int) -> None:
        self.left = list(codes)

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> Any:
        if self.left:
            raise KafkaException(KafkaError(self.left.pop(0)))
        return 3, 7

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.get_watermark_offsets(partitions[0], timeout)
        return partitions


def asked(reader: Reader, timeout_s: float = 10) -> tuple[int, int]:
    return kafka.watermarks(cast(Consumer, reader), ASKED, timeout_s)


def test_no_leader_yet_passes() -> None:
    reader = Reader(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    assert asked(reader) == (3, 7)
    assert reader.left == []


def test_what_does_not_pass_is_raised_at_once() -> None:
    reader = Reader(KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_OR_PART)
    with pytest.raises(KafkaException):
        asked(reader)
    assert len(reader.left) == 1


def test_a_leader_that_never_comes_is_an_error() -> None:
    with pytest.raises(KafkaException):
        asked(Reader(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 10_000), timeout_s=0.2)


@pytest.mark.parametrize("code", sorted(kafka.NO_COORDINATOR_YET))
def test_no_coordinator_yet_passes(code: int) -> None:
    """A sink that was given its partitions ended when Kafka had just taken itself for dead."""
    assert kafka.committed(cast(Consumer, Reader(code, code)), [ASKED], 10) == [ASKED]


def test_a_group_that_may_not_be_read_is_told_at_once() -> None:
    reader = Reader(KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        kafka.committed(cast(Consumer, reader), [ASKED], 10)
    assert len(reader.left) == 1
