"""The log's side of the comparison: the pure core run over all of `raw`, with the mapping history as it is now."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from confluent_kafka import Message
from msgspec import Struct, field

from connectors.simulator.ledger import fingerprint
from connectors.verify.expected import Contents, add_dead_letter, add_reading, derive
from streams import avro, pipeline
from streams.agents.generations import Hashes, generation_for
from streams.core.decode import Context, decode
from streams.core.records import Codec, DeadLetter, DeviceMapping, Generation, Lineage, RawRecord, Rule
from streams.registry.hashes import code_hash, codecs_hash, rules_hash
from streams.scan import scan, table
from streams.settings import KafkaSettings, Settings

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
    """raw records of a generation whose code is not this one: they cannot be checked"""


class Core(Struct, frozen=True):
    """The pure core as this process has it, and the generations that say where it applies."""

    context: Context
    generations: tuple[Generation, ...]
    hashes: Hashes
    confluent: dict[int, Any]
    """schemas of records in Confluent framing, by id"""


def read(settings: Settings, progress: Callable[[int], None] = lambda _: None) -> LogSide:
    """Run the core over every raw record up to the end of this moment; ``progress`` gets the number done.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    side, core = LogSide(), _core(settings)
    for message in scan(settings.kafka, "raw"):
        side.records += 1
        progress(side.records)
        _account(side, message, core)
    _add_letters_of_edges(side, settings.kafka)
    derive(side.contents, settings.window.base_s)
    return side


def _core(settings: Settings) -> Core:
    mapping = table(settings.kafka, "device-mapping", DeviceMapping)
    rules = tuple(table(settings.kafka, "rules", Rule).values())
    codecs = tuple(table(settings.kafka, "codecs", Codec).values())
    context = pipeline.context(settings.decode, lambda device: mapping.get(device.encode()), rules=rules, codecs=codecs)
    generations = tuple(table(settings.kafka, "generations", Generation).values())
    hashes = Hashes(code_hash(settings.decode), {codecs_hash(codecs)}, {rules_hash(rules)})
    return Core(context, generations, hashes, avro.confluent_schemas(settings.kafka.schema_directory))


def _account(side: LogSide, message: Message, core: Core) -> None:
    lineage = Lineage(message.partition() or 0, message.offset() or 0)
    generation = generation_for(core.generations, lineage.partition, lineage.offset, core.hashes)
    try:
        raw = avro.decode(message.value() or b"", RawRecord, core.confluent)
    except avro.AvroError as fault:
        side.contents.dead_letters["avro", fault.reason, lineage.partition, lineage.offset, 0] = 1
        return
    side.fingerprints[fingerprint(raw.source, raw.payload)] += 1
    if generation is None:
        side.foreign += 1
    else:
        _decode(side, raw, lineage, generation.number, core.context)


def _decode(side: LogSide, raw: RawRecord, lineage: Lineage, generation: int, context: Context) -> None:
    outcome = decode(raw, lineage, generation, context)
    side.readings += len(outcome.readings)
    for reading in outcome.readings:
        add_reading(side.contents, reading)
    for letter in outcome.dead_letters:
        add_dead_letter(side.contents, letter)
    side.ignored.update(f"{stage}: {reason}" for stage, reason in outcome.ignored)
    if not (outcome.readings or outcome.dead_letters or outcome.ignored):
        side.unaccounted.append(lineage)


def _add_letters_of_edges(side: LogSide, settings: KafkaSettings) -> None:
    """Dead letters of doors, windows and sinks come from the world, not from the core: the topic says which there are."""
    for message in scan(settings, "dead-letters"):
        letter = avro.decode(message.value() or b"", DeadLetter)
        if letter.stage not in (*CORE_STAGES, "avro"):
            add_dead_letter(side.contents, letter)
