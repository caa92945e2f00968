"""One chunk of raw -> staged columns: the rows that live decoding gives the store, without making readings of them."""

from collections.abc import Iterator
from functools import reduce

from msgspec import Struct, field
from msgspec.structs import replace

from streams import avro, pipeline
from streams.agents.generations import Hashes, cut, in_force
from streams.agents.output import UNDECODABLE, largest_reading, too_large, undecodable
from streams.core.decode import Account, Context, Item, Measured, decode, measure_batch
from streams.core.identity import row_version, version_parts
from streams.core.memory import portions
from streams.core.place import place
from streams.core.records import (
    Block,
    DeadLetter,
    DeviceMapping,
    Interval,
    Lineage,
    Measurement,
    RawRecord,
    Reading,
)
from streams.raw import opened
from streams.registry.codecs import in_place
from streams.replay import candidate
from streams.replay.job import Mode
from streams.replay.runs import Runs
from streams.replay.source import Chunk
from streams.replay.store import SeriesName, Staged
from streams.replay.task import Registry, Task, hashes
from streams.rows import Name, Origin, Points, Run, add_blocks, add_measurements

ALWAYS = -(1 << 63)
MEASUREMENT_BYTES, READING_BYTES = 6_000, 70_000
"""no measurement, and nothing else of a reading, takes more in Avro: names, units and texts are bounded by the core"""


class _Part(Struct, frozen=True, gc=False):
    """What is stored of one reading."""

    device: str
    index: int
    reader: str
    measurements: list[Measurement]
    blocks: list[Block]


class _Making(Struct, gc=False):
    """A chunk's staged columns as they grow."""

    points: Points = field(default_factory=Points)
    codec: list[str] = field(default_factory=list)
    runs: list[tuple[Run, str]] = field(default_factory=list)
    selected: Runs = field(default_factory=Runs)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    readings: int = 0
    ignored: int = 0
    foreign: int = 0


class Stager:
    """Stages chunks, each by itself: the same chunk always becomes the same.

    Raises:
        ValueError: a candidate cannot be used.
    """

    def __init__(self, task: Task, registry: Registry) -> None:
        self._task, self._selection, self._generations = task, task.selection, registry.generations
        known = hashes(task.settings, registry)
        self._hashes = Hashes(known["code"], (known["codecs"],), (known["rules"],), (known["topics"],))
        self._context = _context(task, registry)
        self._confluent = avro.confluent_schemas(task.settings.kafka.schema_directory)
        self._largest = largest_reading(task.settings.kafka)
        self._surely_fits = (self._largest - READING_BYTES) // MEASUREMENT_BYTES
        self._by_points = task.selection.by_points

    def stage(self, chunk: Chunk) -> Staged:
        """The columns of one chunk."""
        making = _Making()
        if chunk.records:
            first, last = chunk.records[0][0], chunk.records[-1][0]
            for low, high in cut(self._generations, chunk.partition, first, last):
                self._stage_span(making, chunk, low, high)
        return _staged(making, len(chunk.records))

    def _stage_span(self, making: _Making, chunk: Chunk, low: int, high: int) -> None:
        """The records of the offsets from ``low`` to ``high``, which are in one generation."""
        number = self._generation(chunk.partition, low)
        if number is None:
            making.foreign += sum(low <= offset <= high for offset, _ in chunk.records)
            return
        items = list(self._items(making, chunk, low, high, number))
        for part in portions(items, self._context.decoders):
            for item, account in zip(part, measure_batch(part, self._context), strict=True):
                self._add(making, item, account)

    def _generation(self, partition: int, offset: int) -> int | None:
        """The generation that its rows have; None when nobody decodes the record.

        A lost row can be put back only by the code that wrote it: newer code would write rows that never were.
        """
        found = in_force(self._generations, partition, offset)
        if found is None or (self._task.mode is Mode.RESTORE and not self._hashes.cover(found)):
            return None
        return found.number

    def _items(self, making: _Making, chunk: Chunk, low: int, high: int, number: int) -> Iterator[Item]:
        """The records whose own content fits; what is no record is told at once."""
        partition, wanted = chunk.partition, self._task.wanted
        for (offset, value), appended in zip(chunk.records, chunk.appended, strict=True):
            if not low <= offset <= high or (wanted is not None and (partition, offset) not in wanted):
                continue
            try:
                raw = opened(value, appended, offset, self._confluent)
            except UNDECODABLE as fault:
                if self._selection.takes_unreadable(partition, offset):
                    making.selected.add(partition, offset)
                    making.dead_letters.append(undecodable(Lineage(partition, offset), appended, fault))
            else:
                if self._selection.takes_record(raw, partition, offset):
                    yield raw, Lineage(partition, offset), number

    def _add(self, making: _Making, item: Item, account: Account) -> None:
        parts, letters, ignored = self._parts(account), account.dead_letters, len(account.ignored)
        if parts is None:
            parts, letters, ignored = self._in_full(item)
        lineage = item[1]
        if self._by_points and not (self._takes(lineage, parts) or self._asks(account)):
            return
        making.selected.add(lineage.partition, lineage.offset)
        making.dead_letters += letters
        making.ignored += ignored
        making.readings += len(parts)
        self._add_points(making, item, parts)

    def _takes(self, lineage: Lineage, parts: list[_Part]) -> bool:
        if (lineage.partition, lineage.offset) in (self._task.stored or ()):
            return True
        return any(
            self._selection.takes_points(
                p.device, p.reader, ((m.time, m.logical_uid) for m in p.measurements), p.blocks
            )
            for p in parts
        )

    def _asks(self, account: Account) -> bool:
        """Whether a codec of the selection was asked, and made nothing of it: what it did before may have to go."""
        chosen = self._selection
        return bool(chosen.codecs) and any(
            chosen.takes_points(asked.device, asked.codec, ((asked.time, None),)) for asked in account.asked
        )

    def _add_points(self, making: _Making, item: Item, parts: list[_Part]) -> None:
        raw, lineage, generation = item
        version = row_version(generation, lineage.partition, lineage.offset)
        for part in parts:
            origin = Origin(part.device, raw.source, raw.received_at, version)
            faults = add_measurements(making.points, origin, part.measurements)
            making.codec += [part.reader] * (len(part.measurements) - len(faults))
            if part.blocks:
                faults += add_blocks(making.points, origin, part.blocks)
                making.runs += [(run, part.reader) for run in making.points.runs[len(making.runs) :]]
            making.dead_letters += [_refused(raw, lineage, part, *fault) for fault in faults]

    def _parts(self, account: Account) -> list[_Part] | None:
        """None: making a reading of it might fail, or make one that is too large for Kafka."""
        parts = []
        for measured in account.measured:
            measurements, message = measured.measurements, measured.message
            if type(message.time) is not int or not self._fits(measured):
                return None
            for m in measurements:
                if m.text is not None and not _is_text(m.text):
                    return None
            reader = measured.codec or account.decoder
            parts.append(_Part(message.sender.device, measured.index, reader, measurements, measured.blocks))
        return parts

    def _fits(self, measured: Measured) -> bool:
        """Whether a reading of it is surely no larger than Kafka takes."""
        points = len(measured.measurements) + len(measured.blocks)
        return points <= self._surely_fits - sum(
            (len(block.values) + len(block.offsets)) // MEASUREMENT_BYTES + 1 for block in measured.blocks
        )

    def _in_full(self, item: Item) -> tuple[list[_Part], list[DeadLetter], int]:
        """As the decode agent does it, to the last byte."""
        outcome = decode(*item, self._context)
        raw, lineage, _ = item
        sizes = [(reading, len(avro.encode(reading))) for reading in outcome.readings]
        parts = [_part_of(reading) for reading, size in sizes if size <= self._largest]
        large = [too_large(raw, lineage, r.index, r.device, size) for r, size in sizes if size > self._largest]
        return parts, [*large, *outcome.dead_letters], len(outcome.ignored)


def merge(one: Staged, other: Staged) -> None:
    """Add ``other`` to ``one``."""
    for name in (
        "series_id", "ts", "value", "text", "quality", "logical_uid", "version", "codec", "runs", "dead_letters",
    ):  # fmt: skip
        getattr(one, name).extend(getattr(other, name))
    for series, told in other.names.items():
        one.names[series] = _newer(one.names.get(series), told)
    for run in other.selected:
        one.selected.add_run(*run)
    for name in ("records", "readings", "ignored", "foreign"):
        setattr(one, name, getattr(one, name) + getattr(other, name))


def as_of(mapping: DeviceMapping, time: int) -> DeviceMapping:
    """The mapping as if what holds at ``time`` had always held."""
    uid = place(mapping, time)
    return replace(mapping, intervals=[] if uid is None else [Interval(uid, ALWAYS)])


def _context(task: Task, registry: Registry) -> Context:
    """As the live decoders have it, with candidates and places as the task says."""
    decode_settings, mappings, moment = task.settings.decode, registry.mappings, task.mapping_as_of
    if moment is not None:
        mappings = {device: as_of(mapping, moment) for device, mapping in mappings.items()}
    made = pipeline.context(
        decode_settings,
        mappings.get,
        codecs=reduce(in_place, task.tried.codecs, registry.codecs),
        rules=registry.rules,
        topics=registry.topics,
        recollect=task.history,
        patient=True,
    )
    return replace(made, decoders=candidate.among(decode_settings, task.tried.decoders, registry.topics))


def _part_of(reading: Reading) -> _Part:
    return _Part(reading.device, reading.index, reading.codec or reading.decoder, reading.measurements, reading.blocks)


def _refused(raw: RawRecord, lineage: Lineage, part: _Part, reason: str, detail: str) -> DeadLetter:
    return DeadLetter(
        stage="sink:clickhouse", reason=reason, detail=detail, raw_partition=lineage.partition,
        raw_offset=lineage.offset, index=part.index, source=raw.source, device=part.device, at=raw.received_at,
        correlation_id=raw.id,
    )  # fmt: skip


def _staged(making: _Making, records: int) -> Staged:
    points = making.points
    return Staged(
        series_id=points.series_id,
        ts=points.ts,
        value=points.value,
        text=points.text,
        quality=points.quality,
        logical_uid=points.logical_uid,
        version=points.version,
        codec=making.codec,
        runs=making.runs,
        names={series: _series_name(name) for series, name in points.names.items()},
        selected=making.selected,
        dead_letters=making.dead_letters,
        records=records,
        readings=making.readings,
        ignored=making.ignored,
        foreign=making.foreign,
    )


def _series_name(name: Name) -> SeriesName:
    _, told_by = version_parts(name.version)
    return SeriesName(
        name.device, name.name, name.unit, name.source, name.first_seen, told_by.partition, told_by.offset
    )


def _newer(known: SeriesName | None, other: SeriesName) -> SeriesName:
    """Told by the later raw record; first seen when either was."""
    if known is None:
        return other
    later = max(known, other, key=lambda name: (name.offset, name.partition))
    return replace(later, first_seen=min(known.first_seen, other.first_seen))


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
