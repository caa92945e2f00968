"""One raw record: from Kafka, else from the archive, else what the store keeps of it; and what decoding makes of it now."""

from collections import Counter

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.store import Store
from connectors.trace.found import Decoding, Raw
from connectors.verify.core import Core, unreadable
from streams import avro, kafka
from streams.agents.generations import in_force
from streams.archive import Hole
from streams.core.records import Lineage, RawRecord
from streams.core.times import MILLISECOND
from streams.replay import shelves
from streams.settings import KafkaSettings, Settings

ANSWER_S = 10
STORED = """
SELECT id, source, transport, address, received_at, content_type, headers, connector, hex(payload)
FROM raw_messages FINAL WHERE raw_partition = {partition:UInt8} AND raw_offset = {offset:UInt64}
"""
GONE = "neither Kafka nor the raw archive nor the store has it any more"


class Unknown(Exception):
    """There is no such record; the message says what there is."""


def raw(settings: Settings, core: Core, store: Store, lineage: Lineage) -> Raw:
    """The record from whoever still has it.

    Raises:
        Unknown: `raw` never held such a record.
        KafkaException: the log does not answer.
    """
    begin, end = _range(settings.kafka, lineage.partition)
    if lineage.offset >= end:
        raise Unknown(f"raw partition {lineage.partition} ends at offset {end}: there is no {lineage.offset} yet")
    if lineage.offset >= begin:
        found = _from_kafka(settings.kafka, core, lineage)
        if found is None:
            raise Unknown(f"no record stands at raw {lineage.partition}:{lineage.offset}")
        return found
    return _from_archive(settings, core, lineage) or _from_store(store, lineage) or Raw(held_by="", fault=GONE)


def decoding(core: Core, record: Raw, lineage: Lineage) -> Decoding | None:
    """What this code makes of it; None when nobody has its bytes."""
    live = in_force(core.generations, lineage.partition, lineage.offset)
    generation = core.generation(lineage)
    number = generation.number if generation else None
    live_number = live.number if live else None
    ours = live is not None and core.hashes.cover(live)
    if record.record is None:
        if not record.held_by:
            return None
        reason, _, detail = record.fault.partition(": ")
        letters = [unreadable(avro.AvroError(reason, detail), lineage)]
        return Decoding(generation=number, live_generation=live_number, live_is_ours=ours, dead_letters=letters)
    outcome = core.decode(record.record, lineage, number if number is not None else live_number or 0)
    return Decoding(
        generation=number,
        live_generation=live_number,
        live_is_ours=ours,
        readings=outcome.readings,
        dead_letters=outcome.dead_letters,
        ignored=[_counted(stage, reason, number) for (stage, reason), number in Counter(outcome.ignored).items()],
    )


def _range(settings: KafkaSettings, partition: int) -> tuple[int, int]:
    reader, topic = kafka.consumer(settings, None), kafka.topic(settings, "raw")
    try:
        known = reader.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions
        if partition not in known:
            raise Unknown(f"raw has partitions {', '.join(map(str, sorted(known))) or 'none'}: there is no {partition}")
        begin, end = kafka.watermarks(reader, TopicPartition(topic, partition), ANSWER_S)
    finally:
        reader.close()
    return begin, end


def _from_kafka(settings: KafkaSettings, core: Core, lineage: Lineage) -> Raw | None:
    reader = kafka.consumer(settings, None)
    try:
        reader.assign([TopicPartition(kafka.topic(settings, "raw"), lineage.partition, lineage.offset)])
        messages = reader.consume(1, ANSWER_S)
    finally:
        reader.close()
    if not messages:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"raw partition {lineage.partition} gave nothing"))
    message = messages[0]
    if kafka.raise_on_error(message.error()) or message.offset() != lineage.offset:
        return None
    return _opened(core, "Kafka", message.value(), message.timestamp()[1] * MILLISECOND, lineage.offset)


def _from_archive(settings: Settings, core: Core, lineage: Lineage) -> Raw | None:
    urls = shelves.urls(settings, None)
    try:
        found = next(iter(shelves.read(urls, lineage.partition, lineage.offset, lineage.offset + 1)), None)
    except OSError:
        return None  # an archive that is away has it no more than one that lacks it; the store may
    if found is None or isinstance(found, Hole):
        return None
    return _opened(core, "the raw archive", found.value, found.timestamp, found.offset)


def _from_store(store: Store, lineage: Lineage) -> Raw | None:
    try:
        rows = store.rows(STORED, {"partition": lineage.partition, "offset": lineage.offset})
    except Transient as error:
        return Raw(
            held_by="", fault=f"neither Kafka nor the raw archive has it, and the store does not answer: {error}"
        )
    if not rows:
        return None
    identity, source, transport, address, received_at, content_type, headers, connector, payload = rows[0]
    record = RawRecord(
        id=identity,
        source=source,
        transport=transport,
        address=address,
        received_at=received_at,
        content_type=content_type,
        headers=dict(headers),
        connector=connector,
        payload=bytes.fromhex(payload),
    )
    return Raw(held_by="the store's raw_messages", record=record)


def _counted(stage: str, reason: str, number: int) -> str:
    return f"{stage}: {reason}" + (f" ({number} times)" if number > 1 else "")


def _opened(core: Core, held_by: str, value: bytes | None, appended_at: int, offset: int) -> Raw:
    try:
        return Raw(held_by=held_by, appended_at=appended_at, record=core.open(value, appended_at, offset))
    except avro.AvroError as fault:
        return Raw(held_by=held_by, appended_at=appended_at, fault=f"{fault.reason}: {fault.detail}")
