"""What a batch of raw records becomes: the records to produce, and the counts for the metrics."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from streams import avro, metrics
from streams.agents.batch import Consumed
from streams.core.block import count
from streams.core.memory import Kept, Remembered
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, DeviceEvent, Lineage, RawRecord
from streams.raw import opened
from streams.settings import KafkaSettings

READINGS, DEAD_LETTERS, EVENTS, MEMORIES = "readings", "dead-letters", "device-events", "memories"
MS = 1_000_000
UNDECODABLE = (avro.AvroError, msgspec.ValidationError)
"""what reading a raw record may raise"""
ENOUGH_RECORDS, ENOUGH_BYTES = 50_000, 32_000_000
"""what is sent before more of a batch is decoded: its bytes do not say how much it becomes"""
RECORD_OVERHEAD = 1_000
"""bytes that Kafka adds at most to a record of ours"""


def largest_reading(settings: KafkaSettings) -> int:
    """The bytes that a reading may have."""
    return settings.max_record_bytes - RECORD_OVERHEAD


class Outgoing(NamedTuple):
    """One record to produce; the topic is without prefix."""

    topic: str
    key: bytes | str | None
    value: bytes


class Output:
    """Collects what one batch becomes.

    A reading of more than ``max_bytes`` becomes a dead letter; of the events only those that pass are sent.
    """

    def __init__(self, max_bytes: int, passes: Callable[[DeviceEvent], bool]) -> None:
        self.records: list[Outgoing] = []
        self._looked_at = self._bytes = 0
        self._max_bytes, self._passes = max_bytes, passes
        self._by_source: Counter[tuple[str, str]] = Counter()
        self._dead: Counter[tuple[str, str]] = Counter()
        self._ignored: Counter[tuple[str, str]] = Counter()

    def add(self, raw: RawRecord, lineage: Lineage, key: bytes | None, outcome: Outcome) -> None:
        """What became of one raw record, which had ``key`` in ``raw``."""
        self._by_source["decoded", raw.source] += 1
        for reading in outcome.readings:
            value = avro.encode(reading)
            if len(value) > self._max_bytes:
                self._letter(key, too_large(raw, lineage, reading.index, reading.device, len(value)))
                continue
            self.records.append(Outgoing(READINGS, reading.device, value))
            self._by_source["readings", raw.source] += 1
            self._by_source["measurements", raw.source] += len(reading.measurements) + sum(map(count, reading.blocks))
        for letter in outcome.dead_letters:
            self._letter(key, letter)
        if outcome.memory is not None:
            self._remember(outcome.memory, lineage)
        self._ignored.update(outcome.ignored)
        self.records += [Outgoing(EVENTS, e.device, avro.encode(e)) for e in outcome.events if self._passes(e)]

    def add_undecodable(self, partition: int, record: Consumed, fault: Exception) -> None:
        """Bytes in ``raw`` that are no raw record."""
        self._letter(record.key, undecodable(Lineage(partition, record.offset), record.timestamp * MS, fault))

    @property
    def is_enough(self) -> bool:
        """Whether to send what there is before there is more."""
        self._bytes += sum(len(record.value) for record in self.records[self._looked_at :])
        self._looked_at = len(self.records)
        return self._looked_at >= ENOUGH_RECORDS or self._bytes >= ENOUGH_BYTES

    def sent(self) -> None:
        """What there is has been sent."""
        self.records, self._looked_at, self._bytes = [], 0, 0

    def count(self) -> None:
        """Add to the metrics; once, when the batch is done."""
        counters = {
            "decoded": metrics.DECODED, "readings": metrics.READINGS, "measurements": metrics.MEASUREMENTS,
            "remembered": metrics.REMEMBERED,
        }  # fmt: skip
        for (name, source), number in self._by_source.items():
            counters[name].labels(source).inc(number)
        for (stage, reason), number in self._dead.items():
            metrics.DEAD_LETTERS.labels(stage, reason).inc(number)
        for (stage, reason), number in self._ignored.items():
            metrics.IGNORED.labels(stage, reason).inc(number)

    def _remember(self, kept: Kept, lineage: Lineage) -> None:
        record = remembered(kept, lineage)
        self.records.append(Outgoing(MEMORIES, place(record), avro.encode(record)))
        self._by_source["remembered", kept.record.source] += 1

    def _letter(self, key: bytes | None, letter: DeadLetter) -> None:
        self._dead[letter.stage, letter.reason] += 1
        self.records.append(Outgoing(DEAD_LETTERS, key, avro.encode(letter)))


def remembered(kept: Kept, lineage: Lineage) -> Remembered:
    """The record of topic `memories`."""
    record = avro.encode(kept.record)
    return Remembered(key=kept.key, raw_partition=lineage.partition, raw_offset=lineage.offset, record=record)


def place(record: Remembered) -> str:
    """Its key in the topic, which no other has."""
    return f"{record.key}@{record.raw_partition}:{record.raw_offset}"


def raw_records(
    partition: int, records: Sequence[Consumed], confluent: Mapping[int, Any], output: Output
) -> list[tuple[RawRecord, Consumed]]:
    """The raw records among what was consumed; the others go to ``output`` as dead letters."""
    decoded = []
    for record in records:
        try:
            decoded.append((opened(record.value, record.timestamp * MS, record.offset, confluent), record))
        except UNDECODABLE as fault:
            output.add_undecodable(partition, record, fault)
    return decoded


def undecodable(lineage: Lineage, appended_at: int, fault: Exception) -> DeadLetter:
    """The dead letter of bytes in ``raw`` that are no raw record, appended at ``appended_at`` (ns)."""
    reason = fault.reason if isinstance(fault, avro.AvroError) else "broken-body"
    return DeadLetter(
        stage="avro", reason=reason, detail=str(fault)[:500],
        raw_partition=lineage.partition, raw_offset=lineage.offset, at=appended_at,
    )  # fmt: skip


def too_large(raw: RawRecord, lineage: Lineage, index: int, device: str, size: int) -> DeadLetter:
    """The dead letter of a reading of more bytes than Kafka takes."""
    return DeadLetter(
        stage="send", reason="too-large", detail=f"a reading of {size} bytes", raw_partition=lineage.partition,
        raw_offset=lineage.offset, index=index, source=raw.source, device=device, at=raw.received_at,
        correlation_id=raw.id,
    )  # fmt: skip
