"""What decoders remember, as a replay needs it: all that stands before any record that it decodes, selected or not.

Live decoding has written most of it to topic `memories`. What it has not come to yet is folded from raw here, and so is
all of raw for a decoder that is not deployed, since only that decoder knows what it remembers.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from streams import avro, pipeline
from streams.agents.output import MEMORIES, UNDECODABLE, remembered
from streams.archive import Hole
from streams.core.memory import TOTAL_LIMIT, History, Recall, Remembered, Remembering, remembers
from streams.core.message import Decoder
from streams.core.records import Lineage, RawRecord
from streams.raw import opened
from streams.replay import source
from streams.replay.source import Chunk
from streams.scan import table
from streams.settings import Settings


def history(settings: Settings, but: Collection[str] = ()) -> History:
    """What live decoding has remembered, of other sources than ``but``; blocks.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    found = History()
    for one in table(settings.kafka, MEMORIES, Remembered).values():
        raw = avro.decode(one.record, RawRecord)
        if raw.source not in but:
            found.add(one.key, Lineage(one.raw_partition, one.raw_offset), raw)
    return found


def upto(
    settings: Settings,
    decoders: Mapping[str, Decoder],
    committed: Mapping[int, int],
    ends: Mapping[int, int],
    *,
    candidates: Iterable[str] = (),
) -> History:
    """All that is remembered of raw before ``ends``; ``committed``: how far live decoding is. Blocks.

    ``decoders``: those that may be asked; the ``candidates`` among them are not deployed.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    asked = {name: decoder for name, decoder in decoders.items() if remembers(decoder)}
    if not asked:
        return History()
    tried = asked.keys() & set(candidates)
    found, limit = history(settings, but=tried), pipeline.memory_limit(settings.decode)
    start = dict.fromkeys(ends, 0) if tried else committed
    confluent: Mapping[int, Any] = avro.confluent_schemas(settings.kafka.schema_directory)
    for chunk in source.records(settings, start, ends):
        if not isinstance(chunk, Hole):
            fold(found, asked, chunk, confluent, limit)
    return found


def fold(
    found: History,
    decoders: Mapping[str, Remembering],
    chunk: Chunk,
    confluent: Mapping[int, Any],
    limit: int = TOTAL_LIMIT,
) -> list[Remembered]:
    """Add what the chunk's records define to what stands before them; returns what was not there yet."""
    recall, added = Recall(found, limit), list[Remembered]()
    for (offset, value), appended in zip(chunk.records, chunk.appended, strict=True):
        try:
            raw = opened(value, appended, offset, confluent)
        except UNDECODABLE:
            continue
        decoder, lineage = decoders.get(raw.source), Lineage(chunk.partition, offset)
        if decoder is not None and (kept := recall.of(decoder, raw, lineage).kept) is not None:
            known = len(found)
            found.add(kept.key, lineage, kept.record)
            if len(found) > known:
                added.append(remembered(kept, lineage))
    return added


def missing(settings: Settings, ends: Mapping[int, int]) -> Iterator[Remembered]:
    """What the installed decoders need of raw before ``ends`` and topic `memories` lacks.

    None, unless a decoder remembers more than it did when the records were decoded.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    asked = {name: decoder for name, decoder in pipeline.decoders(settings.decode).items() if remembers(decoder)}
    found, confluent = history(settings), avro.confluent_schemas(settings.kafka.schema_directory)
    for chunk in source.records(settings, {}, ends):
        if not isinstance(chunk, Hole):
            yield from fold(found, asked, chunk, confluent, pipeline.memory_limit(settings.decode))
