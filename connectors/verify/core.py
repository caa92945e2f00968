"""The pure core as this process has it, over the registry as its topics stand now: what verification and tracing ask."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from msgspec import Struct

from streams import avro, pipeline
from streams.agents.generations import Hashes, generation_for
from streams.core.codec_record import Codec
from streams.core.decode import Context, decode
from streams.core.memory import History
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, DeviceMapping, Generation, Lineage, RawRecord, Rule
from streams.core.replay_record import Replay
from streams.core.signed_topic import SignedTopic
from streams.raw import opened
from streams.registry.hashes import code_hash, codecs_hash, rules_hash, topics_hash
from streams.replay import memories
from streams.scan import table
from streams.settings import Settings


class Core(Struct, frozen=True):
    """Decoding here and now, the generations that say where it applies, and the replays that there have been."""

    context: Context
    generations: tuple[Generation, ...]
    hashes: Hashes
    replays: tuple[Replay, ...]
    confluent: dict[int, Any]
    """schemas of records in Confluent framing, by id"""
    history: History
    """what decoders have remembered, and what decoding here adds"""

    def generation(self, lineage: Lineage) -> Generation | None:
        """The generation that this code decodes the record in; None: it must not."""
        return generation_for(self.generations, lineage.partition, lineage.offset, self.hashes)

    def open(self, value: bytes | None, appended_at: int, offset: int) -> RawRecord:
        """The raw record that ``value`` holds, which Kafka appended at ``appended_at`` (ns) and ``offset``.

        Raises:
            AvroError: it holds none.
        """
        return opened(value, appended_at, offset, self.confluent)

    def identity(self, value: bytes | None) -> str | None:
        """The correlation id of the raw record that ``value`` holds; None if it holds none."""
        try:
            return avro.decode(value or b"", RawRecord, self.confluent).id
        except avro.AvroError:
            return None

    def decode(self, raw: RawRecord, lineage: Lineage, generation: int) -> Outcome:
        """What becomes of the record, with the mapping history as it is now."""
        outcome = decode(raw, lineage, generation, self.context)
        if outcome.memory is not None:
            self.history.add(outcome.memory.key, lineage, outcome.memory.record)
        return outcome


def load(settings: Settings) -> Core:
    """The core of these settings.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    kinds = {
        "device-mapping": DeviceMapping, "rules": Rule, "codecs": Codec, "generations": Generation, "replays": Replay,
        "signed-topics": SignedTopic,
    }  # fmt: skip
    with ThreadPoolExecutor(len(kinds)) as readers:  # each waits most of its time
        found = dict(zip(kinds, readers.map(partial(table, settings.kafka), kinds, kinds.values()), strict=True))
    history = memories.history(settings)
    mapping, rules, codecs = found["device-mapping"], list(found["rules"].values()), list(found["codecs"].values())
    topics = list(found["signed-topics"].values())
    context = pipeline.context(
        settings.decode,
        lambda device: mapping.get(device.encode()),
        rules=rules,
        codecs=codecs,
        topics=topics,
        recollect=history,
        patient=True,
    )
    return Core(
        context,
        tuple(found["generations"].values()),
        Hashes(code_hash(settings.decode), {codecs_hash(codecs)}, {rules_hash(rules)}, {topics_hash(topics)}),
        tuple(found["replays"].values()),
        avro.confluent_schemas(settings.kafka.schema_directory),
        history,
    )


def unreadable(fault: avro.AvroError, lineage: Lineage) -> DeadLetter:
    """The dead letter of a value that is no raw record, as the decode agent writes it."""
    return DeadLetter(
        stage="avro",
        reason=fault.reason,
        detail=fault.detail,
        raw_partition=lineage.partition,
        raw_offset=lineage.offset,
        at=0,
    )
