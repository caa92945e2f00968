"""The topics of an installation: created and checked from ``schemas/topics.toml``."""

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

import schemas
from streams import kafka
from streams.settings import KafkaSettings

HOUR_MS = 3_600_000
SEGMENT_BYTES = 134_217_728
"""A broker that was killed reads the last segment of each partition again before it serves: 128 MB, not its own 1 GB."""


class TopicError(Exception):
    """A topic that exists in a shape which would break the installation."""


def wanted(settings: KafkaSettings) -> list[NewTopic]:
    """Every declared topic as it must be."""
    return [_new_topic(settings, name, declared) for name, declared in schemas.topics().items()]


def create(settings: KafkaSettings, timeout_s: float = 30) -> list[str]:
    """Create what is missing; return its names. What exists is checked, never changed.

    Raises:
        TopicError: a topic has another number of partitions; keys would move between partitions.
        KafkaException: the cluster is away or refuses.
    """
    admin = kafka.admin(settings)
    existing = admin.list_topics(timeout=timeout_s).topics
    missing = [new for new in wanted(settings) if new.topic not in existing]
    for name, future in (admin.create_topics(missing) if missing else {}).items():
        _await_creation(name, future)
    check(settings, admin, timeout_s)
    return [new.topic for new in missing]


def check(settings: KafkaSettings, admin: AdminClient | None = None, timeout_s: float = 30) -> None:
    """Compare the cluster with the declarations; waits for new topics to be known.

    Raises:
        TopicError: topics are missing or have another number of partitions.
    """
    admin = admin or kafka.admin(settings)
    deadline = time.monotonic() + timeout_s
    while True:
        faults = _faults(settings, admin)
        if not faults:
            return
        if time.monotonic() > deadline or not any("missing" in fault for fault in faults):
            raise TopicError("; ".join(faults))
        time.sleep(0.1)


def _faults(settings: KafkaSettings, admin: AdminClient) -> list[str]:
    existing = admin.list_topics(timeout=10).topics
    faults = []
    for new in wanted(settings):
        found = existing.get(new.topic)
        if found is None or any(p.leader < 0 for p in found.partitions.values()):
            faults.append(f"topic {new.topic} is missing")
        elif len(found.partitions) != new.num_partitions:
            faults.append(
                f"topic {new.topic} has {len(found.partitions)} partitions, the settings say {new.num_partitions}: "
                "the count is never changed after creation"
            )
    return faults


def _new_topic(settings: KafkaSettings, name: str, declared: dict[str, Any]) -> NewTopic:
    hours = settings.raw_retention_hours if declared["retention"] == "raw" else declared["retention"]
    config = {
        "cleanup.policy": declared["cleanup"],
        "retention.ms": str(-1 if hours < 0 else hours * HOUR_MS),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(settings.max_record_bytes),
    }
    if declared["cleanup"] == "compact":
        config |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(24 * HOUR_MS)}
    else:
        config["segment.bytes"] = str(max(SEGMENT_BYTES, 2 * settings.max_record_bytes))
    partitions = settings.partitions if declared["partitions"] == "data" else declared["partitions"]
    return NewTopic(settings.prefix + name, partitions, settings.replication, config=config)


def _await_creation(name: str, future: Any) -> None:
    try:
        future.result(30)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise TopicError(f"cannot create topic {name}: {error.args[0].str()}") from error
