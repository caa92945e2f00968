"""A partition that is about to get its leader is waited for."""

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
