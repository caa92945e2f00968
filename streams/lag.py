"""How far each consumer group is behind the ends of the data topics."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

import schemas
from streams import kafka
from streams.settings import KafkaSettings

DATA_TOPICS = ("raw", "readings", "aggregates", "dead-letters")
"""Registry topics are left out: transaction markers at their ends are never consumed."""

Lag = dict[tuple[str, str], int]
"""(group, topic) without prefix -> records not yet committed"""


def lag(settings: KafkaSettings, groups: set[str] | None = None) -> Lag:
    """The lag of every (group, data topic) that ``topics.toml`` declares, of ``groups`` only when given.

    Raises:
        KafkaException: the cluster does not answer.
    """
    admin, reader = kafka.admin(settings), kafka.consumer(settings, None)
    try:
        ends = {name: _ends(reader, settings.prefix + name) for name in DATA_TOPICS}
        wanted = {g: topics for g, topics in readers().items() if groups is None or g in groups}
        return {(g, t): _behind(settings, admin, g, ends[t], t) for g, topics in wanted.items() for t in topics}
    finally:
        reader.close()


def readers() -> dict[str, list[str]]:
    """Group -> data topics that it reads; group names as in ``kafka.group``."""
    found: dict[str, list[str]] = {}
    for name in DATA_TOPICS:
        for reader in schemas.topics()[name]["read_by"]:
            found.setdefault(reader.replace(" ", "-"), []).append(name)
    return found


def _ends(reader: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    return {p: reader.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in partitions}


def _behind(
    settings: KafkaSettings, admin: AdminClient, name: str, ends: dict[int, tuple[int, int]], topic: str
) -> int:
    wanted = [TopicPartition(settings.prefix + topic, partition) for partition in ends]
    request = ConsumerGroupTopicPartitions(kafka.group(settings, name), wanted)
    (future,) = admin.list_consumer_group_offsets([request]).values()
    committed = {p.partition: p.offset for p in future.result(10).topic_partitions}
    return sum(end - max(begin, committed.get(p, begin)) for p, (begin, end) in ends.items())
