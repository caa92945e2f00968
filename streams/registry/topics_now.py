"""The registry as its topics say it now, read without an API: a consistent cut, up to ends that are frozen first."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Message, TopicCollection, TopicPartition

import schemas
from streams import avro, kafka
from streams.registry.snapshot import Tables, topics
from streams.registry.state import KINDS
from streams.settings import KafkaSettings

ANSWER_S = 10
LOOKS, LOOK_AGAIN_S = 20, 0.1
READ_AT_ONCE, READ_WITHIN_S = 5000, 0.1
SILENT_S = 30

Told = Callable[[int, int], None]
"""Offsets read so far, and of how many."""


def read(settings: KafkaSettings, told: Told = lambda _done, _all: None) -> Tables:
    """The latest record of every key, removed ones included.

    Raises:
        KafkaException: Kafka or a topic is away.
        AvroError: a record is of a newer Isthmus.
        TimeoutError: Kafka gave nothing for 30 s.
    """
    consumer = kafka.reader(settings, **{"isolation.level": "read_committed"})
    names = {kafka.topic(settings, name): name for name in topics()}
    try:
        ends = _frozen(consumer, list(names))
        consumer.assign([TopicPartition(topic, 0, 0) for topic in names])
        found = _until(consumer, ends, told)
    finally:
        consumer.close()
    return {name: _newest(name, found[topic]) for topic, name in names.items()}


def identities(settings: KafkaSettings) -> tuple[str, str]:
    """Kafka's ids of the cluster and of topic `raw`: a log that was made anew has another one.

    Raises:
        KafkaException: Kafka refuses, or the topic is away.
        TimeoutError: Kafka is away.
    """
    admin, raw = kafka.admin(settings), kafka.topic(settings, "raw")
    try:
        cluster = admin.describe_cluster(request_timeout=ANSWER_S).result(ANSWER_S + 1)
        described = admin.describe_topics(TopicCollection([raw]), request_timeout=ANSWER_S)[raw].result(ANSWER_S + 1)
    except TimeoutError:
        raise TimeoutError(f"Kafka at {settings.bootstrap_servers} is silent") from None
    return str(cluster.cluster_id), str(described.topic_id)


def _frozen(consumer: Consumer, names: list[str]) -> dict[str, int]:
    """Ends between which nothing was written: a change of several topics is in them as a whole, or not at all."""
    before: dict[str, int] = {}
    for _ in range(LOOKS):
        now = {name: _end(consumer, name) for name in names}
        if now == before:
            return now
        before = now
        time.sleep(LOOK_AGAIN_S)
    return before


def _end(consumer: Consumer, topic: str) -> int:
    end: int = kafka.watermarks(consumer, TopicPartition(topic, 0), ANSWER_S)[1]
    return end


def _until(consumer: Consumer, ends: dict[str, int], told: Told) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {topic: {} for topic in ends}
    at, waiting, heard = dict.fromkeys(ends, 0), set(ends), time.monotonic()
    while waiting:
        messages = kafka.taken(consumer, READ_AT_ONCE, READ_WITHIN_S)
        for message in messages:
            topic, offset = message.topic() or "", message.offset() or 0
            if _is_end(message) or offset >= ends[topic]:
                waiting.discard(topic)
            elif not kafka.raise_on_error(message.error()):
                at[topic] = offset + 1
                _take(found[topic], message)
        told(sum(at.values()), sum(ends.values()))
        heard = time.monotonic() if messages else heard
        if time.monotonic() - heard > SILENT_S:
            raise TimeoutError(f"Kafka gave nothing of {', '.join(sorted(waiting))} for {SILENT_S} s")
    return found


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _take(records: dict[str, bytes], message: Message) -> None:
    key, value = (message.key() or b"").decode(), message.value()
    if value is None:
        records.pop(key, None)
    else:
        records[key] = value


def _newest(name: str, records: dict[str, bytes]) -> dict[str, bytes]:
    """Each in the newest schema, so that equal records are equal bytes."""
    head = avro.header(schemas.versions(avro.NAMES[KINDS[name]])[-1])
    old = [key for key, value in records.items() if not value.startswith(head)]
    return records | {key: avro.encode(avro.decode(records[key], KINDS[name])) for key in old}
