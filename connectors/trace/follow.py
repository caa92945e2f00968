"""Follow one message through all of it. Nothing is written; what does not answer is named, and the rest is told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from connectors.dead_letters import letters
from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.store import Store
from connectors.trace import passing, places, record, stored
from connectors.trace.found import Covering, Logged, Trace
from connectors.trace.log_search import MOST, Search
from connectors.verify.core import Core
from connectors.verify.origins import Applied
from streams import avro
from streams.core.block import last
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, Lineage, Reading
from streams.core.times import DAY, EARLIEST, LATEST, MILLISECOND, SECOND
from streams.replay.selection import Selection
from streams.settings import Settings

BEFORE_MS, AFTER_MS = 2_000, 3_600_000
"""how long before (clocks of brokers) and after it (decoding that lagged) a record's readings are looked for"""
ROLLUPS = (3600, 86_400)


class Nothing(Exception):
    """Nobody knows the id; the message says where was looked. ``letters``: dead letters that have it, if any."""

    def __init__(self, message: str, found: Sequence[DeadLetter] = ()) -> None:
        super().__init__(message)
        self.letters = list(found)


class Follower:
    """Answers for one installation; ``close`` at the end."""

    def __init__(self, settings: Settings, core: Core) -> None:
        self._settings, self._core = settings, core
        self._store = Store(settings.clickhouse, "trace")

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def places(self, text: str) -> list[Lineage]:
        """The raw records that ``text`` names: `partition:offset`, or a correlation id.

        Raises:
            Nothing: no record has it.
            KafkaException: the log does not answer.
        """
        place = places.parse(text)
        if place is not None:
            return [place]
        faults: list[str] = []
        with _tolerant(faults, "the store"):
            if found := places.by_id_in_store(self._store, text):
                return found
        if found := places.by_id_in_log(self._settings.kafka, self._core, text):
            return found
        letters_: list[DeadLetter] = []
        with _tolerant(faults, "the store"):
            letters_ = letters.of_id(self._store, text)
        raise Nothing(_nowhere(text, faults), letters_)

    def trace(self, lineage: Lineage, progress: Callable[[str], None] = lambda _: None) -> Trace:
        """All that is known of the record.

        Raises:
            Unknown: `raw` holds and held no such record.
            KafkaException: the log does not answer.
        """
        progress("reading raw")
        trace = Trace(lineage=lineage, raw=record.raw(self._settings, self._core, self._store, lineage))
        trace.decoding = record.decoding(self._core, trace.raw, lineage)
        progress("looking for its readings in the log")
        self._find_readings(trace)
        progress("asking the store")
        with _tolerant(trace.faults, "the store"):
            self._find_stored(trace)
        progress("asking who has passed it")
        trace.passed = passing.passed(self._settings.kafka, lineage, trace.readings)
        ids = (
            [trace.raw.record.id] if trace.raw.record else [logged.reading.correlation_id for logged in trace.readings]
        )
        with _tolerant(trace.faults, "the directory of files"):
            trace.files = passing.files(self._settings.files, lineage, ids, trace.readings)
        trace.replays = self._covering(trace)
        return trace

    def _find_readings(self, trace: Trace) -> None:
        raw = trace.raw
        at = raw.appended_at if raw.appended_at is not None else raw.record.received_at if raw.record else None
        if at is None:
            trace.searched.append("readings: not searched, because nothing tells when the record came")
            return
        search = Search(self._settings.kafka, "readings", at // MILLISECOND - BEFORE_MS, at // MILLISECOND + AFTER_MS)
        for message in search.messages():
            partition = message.partition() or 0
            reading = _reading(message.value())
            if reading is None or reading.raw_partition != trace.lineage.partition:
                continue
            if reading.raw_offset == trace.lineage.offset:
                appended = message.timestamp()[1] * MILLISECOND
                trace.readings.append(Logged(partition, message.offset() or 0, appended, reading))
            elif reading.raw_offset > trace.lineage.offset:
                search.leave(partition)  # within a partition lineage grows, so there is none behind
        trace.searched.append(f"readings: log time {_iso(at)} and the hour after it{_limits(search)}")

    def _find_stored(self, trace: Trace) -> None:
        store, lineage = self._store, trace.lineage
        made = [*(trace.decoding.readings if trace.decoding else []), *(logged.reading for logged in trace.readings)]
        expected = stored.keys_of(trace.decoding.readings if trace.decoding else [])
        known = stored.keys_of(made)
        span, devices = self._span(trace, made), {reading.device for reading in made}
        by_version = stored.rows_of(store, lineage, devices, span)
        keys = known.keys() | {(row.series_id, row.time) for row in by_version}
        called = {series: name for (series, _), name in known.items()}
        called |= stored.names(store, {series for series, _ in keys} - called.keys())
        replays = {g: r.id for r in self._core.replays for g in (r.generation, r.undo_generation) if g is not None}
        trace.points = stored.judged(lineage, expected, stored.rows_at(store, keys), called, replays)
        trace.windows = stored.windows(store, trace.points, (*self._settings.window.base_s, *ROLLUPS))
        trace.latest = stored.latest(store, trace.points, lineage)
        trace.dead_letters = letters.of_record(store, lineage.partition, lineage.offset)
        of = f"points of {', '.join(sorted(devices))}" if devices else "all points"
        trace.searched.append(f"store: {len(known)} point(s) by series and time; {of} by lineage, {_range(span)}")

    def _span(self, trace: Trace, made: Sequence[Reading]) -> tuple[int, int]:
        """Where points of the record may lie: a day around its times, and around its receipt."""
        raw = trace.raw
        received = raw.record.received_at if raw.record else raw.appended_at
        times = [m.time for reading in made for m in reading.measurements] + ([received] if received else [])
        times += [time for reading in made for block in reading.blocks for time in (block.start, last(block))]
        return (min(times) - DAY, max(times) + DAY) if times else (EARLIEST, LATEST)

    def _covering(self, trace: Trace) -> list[Covering]:
        found = []
        for replay in sorted(self._core.replays, key=lambda r: r.id):
            applied = Applied(replay, msgspec.json.decode(replay.selection, type=Selection))
            certain = self._took(applied, trace)
            if certain is not None:
                found.append(
                    Covering(
                        id=replay.id, mode=replay.mode, state=replay.state, generation=replay.generation,
                        undo_generation=replay.undo_generation, certain=certain, why=replay.why,
                    )
                )  # fmt: skip
        return found

    def _took(self, applied: Applied, trace: Trace) -> bool | None:
        """Whether the replay was about the record; None: it was not, False: by what the store had then, perhaps."""
        raw = trace.raw.record
        if not applied.reaches(trace.lineage):
            return None
        if raw is None:
            return False
        if not applied.selection.takes_record(raw, trace.lineage.partition, trace.lineage.offset):
            return None
        outcome = Outcome(readings=trace.decoding.readings if trace.decoding else [])
        return applied.decoded and applied.takes(raw, trace.lineage, outcome)


@contextmanager
def _tolerant(faults: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except (Transient, OSError) as error:
        faults.append(f"{what} does not answer: {error}")


def _reading(value: bytes | str | None) -> Reading | None:
    try:
        return avro.decode(value if isinstance(value, bytes) else b"", Reading)
    except avro.AvroError:
        return None


def _nowhere(text: str, faults: list[str]) -> str:
    looked = ["the store's raw_messages" + (f" ({faults[0]})" if faults else "")]
    if places.told_ms(text) is not None:
        looked.append("raw around the time that the id tells")
    hint = "" if places.told_ms(text) is not None else "; it is neither partition:offset nor a UUID of ours"
    return f"no raw record has the id {text!r}: looked in {' and in '.join(looked)}{hint}"


def _limits(search: Search) -> str:
    gave_up = ", ".join(map(str, sorted(search.gave_up)))
    return f"; in partition(s) {gave_up} the first {MOST} records of it only" if gave_up else ""


def _iso(ns: int) -> str:
    try:
        return datetime.fromtimestamp(ns / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{ns} ns"


def _range(span: tuple[int, int]) -> str:
    return f"measured from {_iso(span[0])} to {_iso(span[1])}"
