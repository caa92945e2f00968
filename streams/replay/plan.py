"""What a replay would read: of each raw partition from where to where, from Kafka or the archive, and how long it takes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import Struct, field

from streams import kafka, pipeline
from streams.archive import Hole
from streams.core.codec_record import Codec
from streams.core.records import Generation, Rule, Source
from streams.core.signed_topic import SignedTopic
from streams.core.times import MILLISECOND
from streams.raw import point_ahead, receipt_ahead
from streams.registry.hashes import code_hash, codecs_hash, rules_hash, topics_hash
from streams.replay import shelves
from streams.replay.job import Mode
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.source import ANSWER_S, RAW
from streams.scan import ends_of, table
from streams.settings import Settings

RECORDS_PER_S = 30_000
"""of small records that one process decodes, about: its start and large records take longer"""


class Span(Struct, frozen=True, kw_only=True):
    """The offsets of one raw partition that are read: before ``kafka_from`` from the archive; ``end`` excluded."""

    start: int
    end: int
    kafka_from: int

    @property
    def records(self) -> int:
        """How many offsets that are."""
        return max(self.end - self.start, 0)

    @property
    def archived(self) -> tuple[int, int]:
        """The part of it that is read from the archive."""
        return self.start, max(self.start, min(self.end, self.kafka_from))


class Plan(Struct, frozen=True, kw_only=True):
    """What a replay would do; ``seconds`` is an estimate.

    ``code``, ``codecs``, ``rules``, ``topics``: hashes of what would decode. ``deployed``: the newest generation has the same.
    """

    mode: str
    partitions: dict[int, Span] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    records: int = 0
    archived: int = 0
    seconds: float = 0.0
    code: str
    codecs: str
    rules: str
    topics: str
    generation: int | None
    deployed: bool


def plan(
    settings: Settings,
    selection: Selection,
    mode: Mode,
    known_old: Runs | None = None,
    *,
    candidates: Sequence[str] = (),
) -> Plan:
    """What would be read; blocks.

    ``known_old``: lineages of which the store holds points that fit; in mode ``dead-letters`` the only ones to replay.
    ``candidates``: sources that the replay brings decoders for.

    Raises:
        ValueError: the selection can never match, in one sentence.
        KafkaException: Kafka is away. OSError: the archive is.
    """
    check(selection, mode, _sources(settings, selection, candidates))
    spans = {} if mode is Mode.PLACE else _spans(settings, selection, mode, known_old)
    archives = shelves.urls(settings, None)
    holes = [
        hole for p, span in spans.items() if span.archived[0] < span.archived[1]
        for hole in shelves.gaps(archives, p, *span.archived)
    ]  # fmt: skip
    records = sum(span.records for span in spans.values()) - sum(hole.last - hole.first + 1 for hole in holes)
    return Plan(
        mode=mode.value,
        partitions=spans,
        holes=holes,
        records=records,
        archived=sum(span.archived[1] - span.archived[0] for span in spans.values()),
        seconds=round(records / _rate(settings), 1),
        **_decoding(settings),
    )


def check(selection: Selection, mode: Mode, sources: Collection[str]) -> None:
    """Refuse what can never match, whatever the log holds; ``sources``: the known ones.

    Raises:
        ValueError: in one sentence, why.
    """
    unknown = sorted(set(selection.sources) - set(sources))
    if unknown:
        raise ValueError(f"no source is called {', '.join(unknown)}; there are {', '.join(sorted(sources))}")
    for what, first, end in (
        ("time", selection.time_from, selection.time_until),
        ("receipt", selection.received_from, selection.received_until),
    ):
        if first is not None and end is not None and end <= first:
            raise ValueError(f"the range of {what} ends before it begins")
    for partition, (first, end) in selection.offsets.items():
        if end <= first:
            raise ValueError(f"the offsets of raw partition {partition} end before they begin: {first} to {end}")
    if mode is not Mode.DEAD_LETTERS and (selection.stages or selection.reasons):
        raise ValueError(f"stages and reasons choose among dead letters: mode {mode.value} has none")


def check_offsets(selection: Selection, ends: Mapping[int, int]) -> None:
    """Refuse offsets that raw does not have; ``ends``: raw partition -> the offset after its last.

    Raises:
        ValueError: in one sentence, why.
    """
    for partition, (first, _) in selection.offsets.items():
        if partition not in map(str, ends):
            raise ValueError(f"raw has no partition {partition}: it has 0 to {len(ends) - 1}")
        if first >= ends[int(partition)]:
            raise ValueError(f"raw partition {partition} ends at offset {ends[int(partition)]}, before {first}")


def _spans(settings: Settings, selection: Selection, mode: Mode, known_old: Runs | None) -> dict[int, Span]:
    reader, topic = kafka.consumer(settings.kafka, None), kafka.topic(settings.kafka, RAW)
    try:
        ends = ends_of(reader, topic)
        check_offsets(selection, ends)
        log, known = _Log(settings, reader, topic), None if known_old is None else bounds(known_old)
        wanted = [p for p in sorted(ends) if not selection.offsets or str(p) in selection.offsets]
        return {p: _span(log, selection, p, ends[p], _known(mode, known, p)) for p in wanted}
    finally:
        reader.close()


class _Known(Struct, frozen=True):
    """Where in a partition lineages stand that are known to be replayed: ``first`` and ``end`` of them, if there are any.

    ``only``: no others are.
    """

    range: tuple[int, int] | None = None
    only: bool = False


def bounds(runs: Runs) -> dict[int, tuple[int, int]]:
    """Raw partition -> the first offset and the one after the last."""
    found: dict[int, tuple[int, int]] = {}
    for partition, first, last in runs:
        found[partition] = found.get(partition, (first, 0))[0], last + 1
    return found


def _known(mode: Mode, known: Mapping[int, tuple[int, int]] | None, partition: int) -> _Known:
    return _Known() if known is None else _Known(known.get(partition), only=mode is Mode.DEAD_LETTERS)


def _span(log: "_Log", selection: Selection, partition: int, end: int, known: _Known) -> Span:
    """From the first offset that may fit. Nothing bounds the end but offsets: records are spooled, and come late."""
    first, last = selection.offsets.get(str(partition), (0, end))
    received, measured = selection.received_from, selection.time_from
    start = 0 if measured is None else log.since(partition, measured - log.point_ahead, end)
    if known.only:
        start, last = (known.range[0], min(last, known.range[1])) if known.range else (end, end)
    elif known.range:
        start = min(start, known.range[0])
    if received is not None:
        start = max(start, log.since(partition, received - log.receipt_ahead, end))
    end = min(end, last)
    return Span(start=min(max(start, first), end), end=end, kafka_from=log.low(partition))


class _Log:
    """Raw, asked for times: Kafka's and the archive's are those of appending, which is never before receipt.

    But for clocks that differ, by no more than ``receipt_ahead`` (ns). A point lies at most ``point_ahead`` (ns) after it.
    """

    def __init__(self, settings: Settings, reader: Consumer, topic: str) -> None:
        self.receipt_ahead, self.point_ahead = receipt_ahead(settings), point_ahead(settings)
        self._archives, self._reader, self._topic = shelves.urls(settings, None), reader, topic

    def low(self, partition: int) -> int:
        """The first offset that Kafka has."""
        return kafka.watermarks(self._reader, TopicPartition(self._topic, partition), ANSWER_S)[0]

    def since(self, partition: int, moment: int, end: int) -> int:
        """An offset before which nothing was appended at or after ``moment`` (ns)."""
        asked = TopicPartition(self._topic, partition, max(moment, 0) // MILLISECOND)
        (found,) = self._reader.offsets_for_times([asked], ANSWER_S)
        if found.error is not None:
            raise KafkaException(found.error)
        low = self.low(partition)
        if found.offset < 0 and low < end:
            return end  # Kafka's last record is older, and so is all before it; when Kafka has none, this says nothing
        return found.offset if found.offset > low else min(low, shelves.since(self._archives, partition, moment))


def _sources(settings: Settings, selection: Selection, candidates: Sequence[str]) -> set[str]:
    """The registry is asked only when there is something to ask."""
    known = {*pipeline.decoders(settings.decode), *candidates}
    if known.issuperset(selection.sources):
        return known
    return known | {source.name for source in table(settings.kafka, "sources", Source).values()}


def _rate(settings: Settings) -> float:
    decoding = RECORDS_PER_S * max(settings.replay.processes, 1)
    return min(decoding, settings.replay.records_per_s or decoding)


def _decoding(settings: Settings) -> dict[str, Any]:
    log = settings.kafka
    generations = table(log, "generations", Generation).values()
    newest = max(generations, key=lambda generation: generation.number, default=None)
    known = {
        "code": code_hash(settings.decode),
        "codecs": codecs_hash(table(log, "codecs", Codec).values()),
        "rules": rules_hash(table(log, "rules", Rule).values()),
        "topics": topics_hash(table(log, "signed-topics", SignedTopic).values()),
    }
    deployed = newest is not None and all(getattr(newest, part) == value for part, value in known.items())
    return {**known, "generation": newest.number if newest else None, "deployed": deployed}
