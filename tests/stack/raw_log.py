"""What stack tests of the agents do to the log: write raw records and generations, read what came of them."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streams import avro, kafka
from streams.core.records import DeadLetter, Generation, Lineage, RawRecord, Reading
from streams.registry.hashes import code_hash, codecs_hash, rules_hash
from streams.settings import KafkaSettings

T = TypeVar("T", bound=msgspec.Struct)


def json_record(number: int, source: str = "json", payload: bytes | None = None) -> RawRecord:
    """A message of one of 50 devices with one measurement, `t` = number."""
    body = payload if payload is not None else b'{"device":"d%d","values":{"t":%d}}' % (number % 50, number)
    return RawRecord(
        id=f"id-{number}", source=source, transport="mqtt", address="json/d", received_at=time.time_ns(), payload=body
    )  # fmt: skip


def write_raw(settings: KafkaSettings, values: Iterable[RawRecord | bytes], partition: int = -1) -> None:
    """Append to `raw`, keyed so that all partitions get some."""
    producer = kafka.BatchProducer(settings)
    for number, value in enumerate(values):
        producer.send("raw", f"k{number}", value if isinstance(value, bytes) else avro.encode(value), partition)
        if number % 5_000 == 4_999:
            producer.flush()
    producer.flush()


def write(settings: KafkaSettings, topic: str, key: str, record: msgspec.Struct) -> None:
    """Append one record, durably."""
    producer = kafka.BatchProducer(settings)
    producer.send(topic, key, avro.encode(record))
    producer.flush()


def open_generation(
    settings: KafkaSettings, number: int = 1, fence: int | dict[str, int] = 0, code: str | None = None
) -> None:
    """A generation without codecs and rules; by default of the code as installed, from the beginning."""
    fences = fence if isinstance(fence, dict) else {str(p): fence for p in range(settings.partitions)}
    record = Generation(
        number=number, fences=fences, code=code or code_hash(), codecs=codecs_hash(()), rules=rules_hash(()),
        opened_at=time.time_ns(), opened_by="test", why="test",
    )  # fmt: skip
    write(settings, "generations", str(number), record)


def messages(settings: KafkaSettings, topic: str) -> list[Message]:
    """All records of a topic up to its present end."""
    consumer = kafka.reader(settings)
    name = kafka.topic(settings, topic)
    partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
    consumer.assign([TopicPartition(name, p, 0) for p in partitions])
    try:
        return list(_until_ends(consumer, len(partitions)))
    finally:
        consumer.close()


def values(settings: KafkaSettings, topic: str, kind: type[T]) -> list[T]:
    """All decoded records of a topic."""
    return [avro.decode(m.value() or b"", kind) for m in messages(settings, topic)]


def raw_records(settings: KafkaSettings) -> list[tuple[RawRecord, Lineage]]:
    """All of `raw`, each with where it stands."""
    return [
        (avro.decode(m.value() or b"", RawRecord), Lineage(m.partition() or 0, m.offset() or 0))
        for m in messages(settings, "raw")
    ]


def handled(settings: KafkaSettings) -> list[tuple[Lineage, int]]:
    """Each raw record that a reading or dead letter comes from, with the time (ms) when that was appended."""
    kinds: list[tuple[str, type[Reading] | type[DeadLetter]]] = [("readings", Reading), ("dead-letters", DeadLetter)]
    return [
        (Lineage(record.raw_partition, record.raw_offset), message.timestamp()[1])
        for topic, kind in kinds
        for message in messages(settings, topic)
        for record in (avro.decode(message.value() or b"", kind),)
    ]


def committed(settings: KafkaSettings, group: str = "decode") -> dict[int, int]:
    """The group's committed offsets in `raw`, of partitions that have one."""
    consumer = kafka.consumer(settings, group)
    try:
        wanted = [TopicPartition(kafka.topic(settings, "raw"), p) for p in range(settings.partitions)]
        return {tp.partition: tp.offset for tp in consumer.committed(wanted, timeout=10) if tp.offset >= 0}
    finally:
        consumer.close()


def commit(settings: KafkaSettings, offsets: dict[int, int], group: str = "decode") -> None:
    """Set the committed offsets of a group without members."""
    consumer = kafka.consumer(settings, group)
    try:
        parts = [TopicPartition(kafka.topic(settings, "raw"), p, offset) for p, offset in offsets.items()]
        consumer.commit(offsets=parts, asynchronous=False)
    finally:
        consumer.close()


def delete_before(settings: KafkaSettings, offsets: dict[int, int], topic: str = "raw") -> None:
    """Delete the records of a topic before the offsets, as retention does."""
    admin = kafka.admin(settings)
    parts = [TopicPartition(kafka.topic(settings, topic), p, offset) for p, offset in offsets.items()]
    for future in admin.delete_records(parts).values():
        future.result(10)


def ends(settings: KafkaSettings, topic: str = "raw") -> dict[int, int]:
    """The offset after the last record of each partition."""
    consumer = kafka.consumer(settings, None)
    try:
        parts = [TopicPartition(kafka.topic(settings, topic), p) for p in range(settings.partitions)]
        return {tp.partition: consumer.get_watermark_offsets(tp, timeout=10, cached=False)[1] for tp in parts}
    finally:
        consumer.close()


def _until_ends(consumer: Consumer, partitions: int) -> Iterator[Message]:
    at_end = 0
    while at_end < partitions:
        for message in kafka.taken(consumer, 1000, 0.2):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                at_end += 1
