"""The log's side of the comparison: the pure core run over all of `raw`, with the mapping history as it is now."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import Consumer, Message, TopicPartition
from msgspec import Struct, field

from connectors.simulator.ledger import fingerprint
from connectors.sinks.clickhouse import log_rows
from connectors.sinks.message import record
from connectors.verify.circumstances import LIMITS, Cut, as_it_was, by_limit, cut
from connectors.verify.core import Core
from connectors.verify.expected import Contents, LetterKey, add_dead_letter, add_reading
from connectors.verify.letters import CORE_STAGES
from connectors.verify.origins import Origins
from connectors.verify.raw_side import Rows
from connectors.verify.scope import WHOLE, Scope
from streams import avro, kafka
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, Lineage, RawRecord
from streams.core.times import MILLISECOND, SECOND
from streams.raw import point_ahead
from streams.replay.runs import Runs
from streams.scan import begins_of, ends_of, until
from streams.settings import KafkaSettings, Settings

ANSWER_S, WITHIN_S = 10, 30


class LogSide(Struct):
    """What the log says."""

    scope: Scope = WHOLE
    starts: dict[int, int] = field(default_factory=dict)
    """raw partition -> the offset from which on it was read"""
    ends: dict[int, int] = field(default_factory=dict)
    """raw partition -> the offset up to which it was read"""
    rows: Rows = field(default_factory=Rows)
    """what table `raw_messages` must say of it"""
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
    cut: Contents = field(default_factory=Contents)
    """what is decoded here, and was left out when it came because its codec had reached a limit"""
    beside: Runs = field(default_factory=Runs)
    """raw records of which nobody knows whether a codec was cut that was asked beside the network server"""


def read(
    settings: Settings,
    core: Core,
    origins: Origins,
    scope: Scope = WHOLE,
    progress: Callable[[int, int], None] = lambda *_: None,
    letters: Iterable[DeadLetter] = (),
) -> LogSide:
    """Run the core over every raw record that may be in ``scope``, up to the end of this moment.

    ``progress`` gets how many are done, and how many there are. ``letters``: among them those that say what was cut.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    side = LogSide(scope=scope)
    was_cut = cut(letters)
    reader, topic = kafka.reader(settings.kafka), kafka.topic(settings.kafka, "raw")
    try:
        side.ends = ends_of(reader, topic)
        side.starts = _starts(reader, topic, side.ends, settings, scope)
        reader.assign([TopicPartition(topic, partition, start) for partition, start in side.starts.items()])
        expected = sum(end - side.starts[partition] for partition, end in side.ends.items())
        for message in until(reader, side.ends, WITHIN_S):
            side.records += 1
            progress(side.records, expected)
            _account(side, message, core, origins, was_cut)
    finally:
        reader.close()
    return side


def edges(letters: Iterable[DeadLetter], scope: Scope = WHOLE) -> Counter[LetterKey]:
    """Dead letters of doors, windows and sinks come from the world, not from the core: the topic says which there are."""
    found = Contents()
    for letter in letters:
        if letter.stage not in CORE_STAGES:
            add_dead_letter(found, letter, scope)
    return found.dead_letters


def _starts(reader: Consumer, topic: str, ends: Mapping[int, int], settings: Settings, scope: Scope) -> dict[int, int]:
    """Offsets before which nothing was appended that may hold a point of the scope.

    None lies further after it than ``point_ahead``.
    """
    lows = begins_of(reader, topic)
    if scope.start is None:
        return lows
    earliest = (scope.start - point_ahead(settings)) // SECOND
    asked = [TopicPartition(topic, partition, max(0, earliest) * 1000) for partition in lows]
    found = {p.partition: p.offset for p in reader.offsets_for_times(asked, timeout=ANSWER_S)}
    return {p: ends[p] if found[p] < 0 else max(low, found[p]) for p, low in lows.items()}


def begins(settings: KafkaSettings) -> dict[int, int]:
    """Raw partition -> the first offset that Kafka still has.

    Raises:
        KafkaException: the log does not answer.
    """
    return _marks(settings, begins_of)


def ends(settings: KafkaSettings, name: str = "raw") -> dict[int, int]:
    """Partition -> the offset after its last record; raises as ``begins``."""
    return _marks(settings, ends_of, name)


def _marks(
    settings: KafkaSettings, marks: Callable[[Consumer, str], dict[int, int]], name: str = "raw"
) -> dict[int, int]:
    reader = kafka.reader(settings)
    try:
        return marks(reader, kafka.topic(settings, name))
    finally:
        reader.close()


def _account(side: LogSide, message: Message, core: Core, origins: Origins, was_cut: Cut) -> None:
    lineage = Lineage(message.partition() or 0, message.offset() or 0)
    try:
        raw = core.open(message.value(), message.timestamp()[1] * MILLISECOND, lineage.offset)
    except avro.AvroError as fault:
        if side.scope.whole:
            side.contents.dead_letters["avro", fault.reason, lineage.partition, lineage.offset, 0] = 1
        if not origins.own(lineage):
            side.unsure.add(lineage.partition, lineage.offset)
        return
    side.fingerprints[fingerprint(raw.source, raw.payload)] += 1
    (row,) = log_rows.raw(record(message), raw)
    side.rows.take(row, side.scope)
    generation = core.generation(lineage)
    if generation is None:
        side.foreign += 1
        side.unsure.add(lineage.partition, lineage.offset)
    else:
        outcome = core.decode(raw, lineage, generation.number)
        _add(side, raw, lineage, outcome, origins, was_cut)


def _add(side: LogSide, raw: RawRecord, lineage: Lineage, outcome: Outcome, origins: Origins, was_cut: Cut) -> None:
    if by_limit(outcome):
        side.beside.add(lineage.partition, lineage.offset)
    redone = origins.redone(raw, lineage, outcome)
    letters = was_cut.get((lineage.partition, lineage.offset), ())
    if letters and not redone:
        for reading in outcome.readings:
            add_reading(side.cut, reading, side.scope)
        outcome = as_it_was(outcome, letters)
    _add_outcome(side, outcome)
    if not (outcome.readings or outcome.dead_letters or outcome.ignored):
        side.unaccounted.append(lineage)
    if not redone and (not origins.own(lineage) or _by_chance(outcome, letters)):
        side.unsure.add(lineage.partition, lineage.offset)


def _by_chance(outcome: Outcome, letters: Sequence[DeadLetter]) -> bool:
    """Whether a limit was reached here only."""
    return not letters and any(letter.reason in LIMITS for letter in outcome.dead_letters)


def _add_outcome(side: LogSide, outcome: Outcome) -> None:
    side.readings += len(outcome.readings)
    for reading in outcome.readings:
        add_reading(side.contents, reading, side.scope)
    for letter in outcome.dead_letters:
        add_dead_letter(side.contents, letter, side.scope)
    side.ignored.update(f"{stage}: {reason}" for stage, reason in outcome.ignored)
