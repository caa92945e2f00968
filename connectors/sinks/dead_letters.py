"""What a sink refuses, made durable in `dead-letters` before the batch is committed."""

from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from connectors.sinks.base import Record, Rejection
from streams import avro, log, metrics
from streams.core.records import DeadLetter, RawRecord, Reading
from streams.kafka import BatchProducer
from streams.settings import KafkaSettings

DETAIL_CHARACTERS = 2_000
TOPIC = "dead-letters"

logger = log.get(__name__)


class DeadLetters:
    """Writes the rejections of one sink. Not thread-safe."""

    def __init__(self, settings: KafkaSettings, sink: str) -> None:
        self._settings, self._stage = settings, f"sink:{sink}"

    @cached_property
    def _producer(self) -> BatchProducer:
        return BatchProducer(self._settings)

    def write(self, rejected: Iterable[tuple[Record, Rejection]]) -> None:
        """Return when all are durable.

        Raises:
            Undelivered: Kafka did not confirm; send them again.
        """
        sent = [self._send(record, rejection) for record, rejection in rejected]
        if any(sent):
            self._producer.flush()

    def close(self) -> None:
        """Let go of the producer, if there ever was one."""
        if "_producer" in self.__dict__:
            self._producer.close()

    def _send(self, record: Record, rejection: Rejection) -> bool:
        metrics.DEAD_LETTERS.labels(self._stage, rejection.reason).inc()
        where = place(record)
        logger.warning("record-rejected", record=where, reason=rejection.reason, detail=rejection.detail)
        if record.topic == TOPIC:  # a dead letter about a dead letter would come back here for ever
            return False
        letter = _letter(record, rejection, self._stage, f"{rejection.detail[:DETAIL_CHARACTERS]} ({where})")
        self._producer.send(TOPIC, record.key, avro.encode(letter))
        return True


def place(record: Record) -> str:
    """Where a record stands, as letters name it."""
    return f"{record.topic} {record.partition}@{record.offset}"


def place_in(letter: DeadLetter) -> str:
    """The place of the record that a sink's letter is about."""
    return letter.detail.rpartition("(")[2][:-1]


def _letter(record: Record, rejection: Rejection, stage: str, detail: str) -> DeadLetter:
    found = _opened(record)
    reading = found if isinstance(found, Reading) else None
    raw = found if isinstance(found, RawRecord) else None
    partition, offset = (record.partition, record.offset) if record.topic == "raw" else (-1, -1)
    return DeadLetter(
        stage=stage,
        reason=rejection.reason,
        detail=detail,
        raw_partition=reading.raw_partition if reading else partition,
        raw_offset=reading.raw_offset if reading else offset,
        index=reading.index if reading else 0,
        source=reading.source if reading else raw.source if raw else "",
        device=reading.device if reading else None,
        decoder=reading.decoder if reading else "",
        at=record.timestamp,
        correlation_id=reading.correlation_id if reading else raw.id if raw else "",
    )


def _opened(record: Record) -> Struct | None:
    try:
        return avro.decode_any(record.value or b"")
    except avro.AvroError:
        return None
