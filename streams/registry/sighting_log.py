"""Reads `device-events` for the process that writes the registry: group `api`, at least once."""

from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from streams import avro, kafka, log
from streams.core.records import DeviceEvent
from streams.registry.election import SESSION
from streams.registry.sightings import Sighting, noticed
from streams.settings import KafkaSettings

LABELLED = "labelled"
READ_AT_ONCE, READ_WITHIN_S = 2000, 0.2

logger = log.get("registry.sightings")


class SightingLog:
    """Gathers events into one sighting per device until they are taken. Blocks; use from one thread at a time.

    Nothing is committed before everything that was read has been written, so a crash repeats and loses nothing.
    """

    def __init__(self, settings: KafkaSettings, member: str) -> None:
        self._consumer = kafka.consumer(settings, "api", **{"group.instance.id": member}, **SESSION)
        topic = kafka.topic(settings, "device-events")
        self._consumer.subscribe([topic], on_assign=self._on_assign)
        self._over = False
        self._doubt = kafka.Doubt(self._consumer, topic)
        self._next: dict[tuple[str, int], int] = {}
        self.pending: dict[str, Sighting] = {}
        self.labels: dict[int, dict[str, Any]] = {}
        """logical uid -> what Ubidots says of it"""

    def read(self) -> None:
        """Gather what comes within a moment.

        Raises:
            KafkaException: the topic is gone, the cluster refuses, or this client has lost Kafka.
        """
        messages = self._consumer.consume(READ_AT_ONCE, READ_WITHIN_S)
        self._doubt.look(sign=any(message.error() is None for message in messages))
        for message in messages:
            if not kafka.raise_on_error(message.error()):
                self._gather(message)

    def commit(self) -> None:
        """What was read is written; call when nothing is pending.

        Raises:
            KafkaException: another process reads these partitions now, or Kafka is away.
        """
        if self._next:
            offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._next.items()]
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._next.clear()

    def close(self) -> None:
        """What is pending will be read again. Waits some seconds at most: who writes no more may have lost Kafka."""
        self._over = True
        kafka.let_go(self._consumer, kafka.ENDING_S)

    def _on_assign(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """The client takes them by itself."""
        if self._over:
            kafka.park()

    def _gather(self, message: Message) -> None:
        self._next[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        try:
            self._add(avro.decode(message.value() or b"", DeviceEvent))
        except (avro.AvroError, KeyError, ValueError) as fault:
            logger.error("device event skipped", offset=message.offset(), fault=repr(fault))

    def _add(self, event: DeviceEvent) -> None:
        if event.kind == LABELLED:
            answer = msgspec.json.decode(event.properties["ubidots"], type=dict[str, Any])
            self.labels[int(event.properties["logical_uid"])] = answer
        else:
            self.pending[event.device] = noticed(self.pending.get(event.device), event)
