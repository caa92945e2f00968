"""The log's side of the comparison: the pure core run over all of `raw`, with the mapping history as it is now."""

from collections import Counter
from collections.abc import Callable

from confluent_kafka import Message, TopicPartition
from msgspec import Struct, field

from connectors.simulator.ledger import fingerprint
from connectors.verify.core import Core
from connectors.verify.expected import Contents, add_dead_letter, add_reading
from connectors.verify.origins import Origins
from streams import avro, kafka
from streams.core.records import DeadLetter, Lineage, RawRecord
from streams.replay.runs import Runs
from streams.scan import scan
from streams.settings import KafkaSettings

CORE_STAGES = ("open", "codec", "normalise")


class LogSide(Struct):
    """What the log says."""

    contents: Contents = field(default_factory=Contents)
    records: int = 0
    readings: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    """"stage: reason" -> how many"""
    fingerprints: Counter[str] = field(default_factory=Counter)
    """content -> how often it stands in raw"""
    unaccounted: list[Lineage] = field(default_factory=list)
    """raw records that ended nowhere"""
    foreign: int = 0
    """raw records of a generation whose code is not this one, with no later one that is: not decoded here"""
    unsure: Runs = field(default_factory=Runs)
    """raw records that other code decoded live, and that no replay has certainly decoded by this code since"""


def read(
    settings: KafkaSettings, core: Core, origins: Origins, progress: Callable[[int], None] = lambda _: None
) -> LogSide:
    """Run the core over every raw record up to the end of this moment; ``progress`` gets the number done.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    side = LogSide()
    for message in scan(settings, "raw"):
        side.records += 1
        progress(side.records)
        _account(side, message, core, origins)
    _add_letters_of_edges(side, settings)
    return side


def begins(settings: KafkaSettings) -> dict[int, int]:
    """Raw partition -> the first offset that Kafka still has.

    Raises:
        KafkaException: the log does not answer.
    """
    reader, topic = kafka.consumer(settings, None), kafka.topic(settings, "raw")
    try:
        partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
        return {p: kafka.watermarks(reader, TopicPartition(topic, p), 10)[0] for p in partitions}
    finally:
        reader.close()


def _account(side: LogSide, message: Message, core: Core, origins: Origins) -> None:
    lineage = Lineage(message.partition() or 0, message.offset() or 0)
    try:
        raw = core.open(message.value())
    except avro.AvroError as fault:
        side.contents.dead_letters["avro", fault.reason, lineage.partition, lineage.offset, 0] = 1
        if not origins.own(lineage):
            side.unsure.add(lineage.partition, lineage.offset)
        return
    side.fingerprints[fingerprint(raw.source, raw.payload)] += 1
    generation = core.generation(lineage)
    if generation is None:
        side.foreign += 1
        side.unsure.add(lineage.partition, lineage.offset)
    else:
        _decode(side, raw, lineage, generation.number, core, origins)


def _decode(side: LogSide, raw: RawRecord, lineage: Lineage, generation: int, core: Core, origins: Origins) -> None:
    outcome = core.decode(raw, lineage, generation)
    side.readings += len(outcome.readings)
    for reading in outcome.readings:
        add_reading(side.contents, reading)
    for letter in outcome.dead_letters:
        add_dead_letter(side.contents, letter)
    side.ignored.update(f"{stage}: {reason}" for stage, reason in outcome.ignored)
    if not (outcome.readings or outcome.dead_letters or outcome.ignored):
        side.unaccounted.append(lineage)
    if not origins.own(lineage) and not origins.redone(raw, lineage, outcome):
        side.unsure.add(lineage.partition, lineage.offset)


def _add_letters_of_edges(side: LogSide, settings: KafkaSettings) -> None:
    """Dead letters of doors, windows and sinks come from the world, not from the core: the topic says which there are."""
    for message in scan(settings, "dead-letters"):
        letter = avro.decode(message.value() or b"", DeadLetter)
        if letter.stage not in (*CORE_STAGES, "avro"):
            add_dead_letter(side.contents, letter)
