"""Read a topic from its beginning to the end that it has now: no group, nothing committed.

Ends are frozen first. Partition EOF tells when one is reached: offsets of transaction markers and of compacted records
are never delivered, so waiting for the last offset could wait for ever.
"""

import time
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streams import avro, kafka
from streams.settings import KafkaSettings

T = TypeVar("T", bound=msgspec.Struct)

READ_AT_ONCE, READ_WITHIN_S = 2000, 0.1


def scan(settings: KafkaSettings, name: str, timeout_s: float = 30) -> Iterator[Message]:
    """The records of topic ``name`` (without prefix), each partition in order, up to the ends of this moment.

    Raises:
        TimeoutError: the log gave nothing for ``timeout_s``.
        KafkaException: the topic does not exist, or the cluster refuses.
    """
    reader = kafka.reader(settings, **{"isolation.level": "read_committed"})
    try:
        ends = ends_of(reader, settings.prefix + name)
        reader.assign([TopicPartition(settings.prefix + name, partition, OFFSET_BEGINNING) for partition in ends])
        yield from until(reader, ends, timeout_s)
    finally:
        reader.close()


def ends_of(reader: Consumer, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition."""
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    return {p: kafka.watermarks(reader, TopicPartition(topic, p), 10)[1] for p in partitions}


def begins_of(reader: Consumer, topic: str) -> dict[int, int]:
    """The first offset of each partition that Kafka still has."""
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    return {p: kafka.watermarks(reader, TopicPartition(topic, p), 10)[0] for p in partitions}


def until(reader: Consumer, ends: dict[int, int], timeout_s: float) -> Iterator[Message]:
    """The records of one topic, whose partitions are assigned to ``reader``, up to these ends; raises as ``scan``."""
    open_partitions, deadline = set(ends), time.monotonic() + timeout_s
    while open_partitions:
        messages = kafka.taken(reader, READ_AT_ONCE, READ_WITHIN_S)
        if messages:
            deadline = time.monotonic() + timeout_s
        elif time.monotonic() > deadline:
            raise TimeoutError(f"nothing came from partitions {sorted(open_partitions)} for {timeout_s} s")
        for message in messages:
            partition, error = message.partition(), message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(partition)
            elif kafka.raise_on_error(error):
                continue
            elif _offset(message) < ends[_partition(message)]:
                yield message
            else:
                open_partitions.discard(partition)


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None  # noqa: S101 - a consumed message has one; for the type checker
    return partition


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None  # noqa: S101 - a consumed message has one; for the type checker
    return offset


def table(settings: KafkaSettings, name: str, kind: type[T]) -> dict[bytes, T]:
    """A compacted topic as it is now: key -> latest record.

    Raises:
        AvroError: a record is not of ``kind``.
    """
    found: dict[bytes, T] = {}
    for message in scan(settings, name):
        key, value = message.key() or b"", message.value()
        if value is None:
            found.pop(_bytes(key), None)
        else:
            found[_bytes(key)] = avro.decode(value, kind)
    return found


def _bytes(key: bytes | str) -> bytes:
    return key if isinstance(key, bytes) else key.encode()
