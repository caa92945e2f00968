"""A model of everything around the windows: the log, workers that die, freeze and come back, replays, and the store.

One ``readings`` partition, fed from two raw partitions. Time is in seconds, windows are 10 and 20 s. A schedule is
random and short; at its end everything comes to rest and the store is compared with the log.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from streams.core.coverage import BEGINNING, Known, known
from streams.core.fold import Windows
from streams.core.identity import row_version
from streams.core.records import Aggregate, Generation, Measurement, Reading, Repair
from streams.core.times import SECOND
from streams.core.window import Rule

LENGTHS, HOLD, AHEAD = (10, 20), 8, 6
RULE = Rule.of_seconds(LENGTHS, hold=HOLD, ahead=AHEAD)
SERIES = ("a", "b")
Window = tuple[str, int, int]
"""name, length and start in seconds"""
Row = tuple[float, ...]
Version = tuple[int, int]
"""generation, label"""


@dataclass(frozen=True)
class Flaws:
    """What a schedule leaves out, to show that the comparison notices."""

    rule: Rule = RULE
    blind_to_generations: bool = False
    trusts_unheard_generations: bool = False
    done_before_sent: bool = False
    last_record_wins: bool = False
    reopens_spans: bool = False
    claims_coverage: bool = False


@dataclass
class Worker:
    """One process: folds from ``position``; ``first`` is where it began."""

    windows: Windows
    first: int
    position: int
    known: Known
    reading_back: bool = True


@dataclass
class World:
    """The log and the store. ``raw``: number of records per raw partition; ``replayed``: rows that replays wrote."""

    random: Random
    flaws: Flaws = field(default_factory=Flaws)
    now: int = 1000
    log: list[tuple[int, Reading]] = field(default_factory=list)
    raw: list[int] = field(default_factory=lambda: [0, 0])
    generations: list[Generation] = field(default_factory=list)
    replayed: list[tuple[str, int, int, float | None]] = field(default_factory=list)
    """name, time, row version, value (None: a tombstone)"""
    committed: int = 0
    inserted: int = 0
    rows: dict[Window, tuple[Version, Row]] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    aggregates: int = 0
    worker: Worker = field(init=False)
    zombies: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open_generation()
        self.worker = self.start_worker()

    # --- the log

    def produce(self) -> None:
        """A device speaks, again, late, out of order or with a clock ahead; or an old record is delivered again."""
        self.now += self.random.choice((0, 0, 1, 2, 5))
        if self.log and self.random.random() < 0.15:
            self.log.append((self.now, self.random.choice(self.log)[1]))
            return
        partition = self.random.randrange(2)
        lag = self.random.choice((0, 0, 0, 1, 4, 15, 40, -3, -AHEAD))
        points = [(name, self.now - lag) for name in SERIES if self.random.random() < 0.7]
        self.log.append((self.now, self._reading(partition, self.raw[partition], points)))
        self.raw[partition] += 1

    def _reading(self, partition: int, offset: int, points: list[tuple[str, int]]) -> Reading:
        generation = self.generations[-1].number
        values = [(n, t, None if self.random.random() < 0.04 else float(self.random.randrange(100))) for n, t in points]
        return Reading(
            id="", device="d", source="", correlation_id="", received_at=self.now, time=self.now, decoder="",
            raw_partition=partition, raw_offset=offset, index=0, generation=generation, codec=None, mapping_position=-1,
            physical_uid=None, source_ids={},
            measurements=[Measurement(n, "", t * SECOND, v, None if v is not None else "on") for n, t, v in values],
        )  # fmt: skip

    def open_generation(self) -> None:
        """New code from here on."""
        fences = {str(p): count for p, count in enumerate(self.raw)}
        number = len(self.generations) + 1
        self.generations.append(
            Generation(
                number=number, fences=fences, code="", codecs="", rules="", opened_at=self.now * SECOND, opened_by="", why=""
            )
        )  # fmt: skip

    def replay(self) -> None:
        """Open a generation; after the barrier change, move and add points before its fences; compute what they touch.

        The owner of the windows need not have heard of the generation. Live data goes on between the steps.
        """
        if not any(self.raw):
            return
        self.open_generation()
        newest = self.generations[-1]
        self.catch_up()
        touched: set[Window] = set()
        for log_time, reading in self.random.sample(self.log, min(3, len(self.log))):
            if reading.raw_offset < newest.fences[str(reading.raw_partition)]:
                touched |= self._replay(reading, newest.number, log_time)
        self.go_on()
        computed = self._compute(touched, 0)
        self.go_on()
        self.repairs += [self._repair(w, newest) for w in touched if self.rows[w][0] != computed[w]]

    def go_on(self) -> None:
        """A little live traffic in the middle of a replay."""
        for _ in range(self.random.randrange(3)):
            self.produce()
            self.fold(self.worker, self.random.randrange(4))
            self.send(self.worker)
            self.repair()

    def _repair(self, window: Window, newest: Generation) -> Repair:
        name, length, start = window
        return Repair(
            device="d", name=name, unit="", window=length, start=start * SECOND, label=0, generation=newest.number
        )

    def _replay(self, reading: Reading, generation: int, log_time: int) -> set[Window]:
        version = row_version(generation, reading.raw_partition, reading.raw_offset)
        received = reading.received_at
        moved: list[tuple[str, int, float | None]] = [
            (m.name, m.time // SECOND, None) for m in reading.measurements if self.random.random() < 0.5
        ]
        # the clock of a fixed decoder may be ahead of receipt, but never by more than the future limit
        added: list[tuple[str, int, float | None]] = [
            (self.random.choice(SERIES), received + self.random.randint(-9, AHEAD), float(log_time))
        ]
        for name, time, value in (*moved, *added):
            self.replayed.append((name, time, version, value))
        return {window for name, time, _ in (*moved, *added) for window in windows_of(name, time)}

    # --- the workers

    def start_worker(self) -> Worker:
        """A new owner, at the committed offset."""
        first = self.committed
        covered_from = BEGINNING if first == 0 or self.flaws.claims_coverage else self._log_time(first) * SECOND
        generations = known(self.generations)
        return Worker(Windows(self.flaws.rule, covered_from), first, first, generations, reading_back=first > 0)

    def fold(self, worker: Worker, most: int) -> None:
        """Handle some records of the log."""
        for log_time, reading in self.log[worker.position : worker.position + most]:
            worker.windows.fold(reading, worker.position, log_time * SECOND)
            worker.position += 1

    def read_back(self, worker: Worker) -> None:
        """The horizon before the worker's first record arrives."""
        if not worker.reading_back or worker.first >= len(self.log):
            return
        horizon = self.flaws.rule.horizon(self._log_time(worker.first) * SECOND)
        start = next(i for i, (log_time, _) in enumerate(self.log) if log_time * SECOND >= horizon)
        earlier = Windows(self.flaws.rule, BEGINNING if start == 0 else horizon)
        for offset in range(start, worker.first):
            earlier.fold(self.log[offset][1], offset, self.log[offset][0] * SECOND)
        earlier.forget_touched()
        earlier.close_past()
        worker.windows.merge(earlier)
        worker.reading_back = False

    def send(self, worker: Worker, share: float = 1.0) -> None:
        """Send what was touched, or the first part of it; only all of it makes the offsets done."""
        records = list(worker.windows.emit(self._believed(worker.known)))
        for record in records[: round(share * len(records))]:
            self.take(record)
        worker.windows.close_past()
        if self.flaws.reopens_spans:
            worker.windows.closed = -(2**63)
        if worker is self.worker and (share == 1.0 or self.flaws.done_before_sent):
            self.committed = worker.position

    def _believed(self, knows: Known) -> Known:
        if self.flaws.blind_to_generations:
            return Known(knows.newest, BEGINNING)
        return Known(len(self.generations), knows.opened) if self.flaws.trusts_unheard_generations else knows

    def crash(self) -> None:
        """kill -9 in the middle of sending."""
        self.send(self.worker, self.random.random() * 0.99)
        self.worker = self.start_worker()

    def freeze(self) -> None:
        """A worker stands still past its session; another takes over, and the first will write again."""
        self.zombies.append(self.worker)
        self.worker = self.start_worker()

    def thaw(self) -> None:
        """A zombie folds what it had fetched, and sends."""
        if self.zombies:
            zombie = self.random.choice(self.zombies)
            self.fold(zombie, self.random.randrange(3))
            self.send(zombie, self.random.random())

    # --- the store

    def take(self, record: Aggregate | Repair) -> None:
        """A record of `aggregates`."""
        if not isinstance(record, Aggregate):
            self.repairs.append(record)
            return
        self.aggregates += 1
        r = record
        row = (r.count, r.sum, r.min, r.max, r.first, r.last)
        self._put((r.name, r.window, r.start // SECOND), (r.generation, r.label), row)

    def repair(self) -> None:
        """The sink inserts some readings, then repairs what it can."""
        self.inserted += self.random.randint(0, len(self.log) - self.inserted)
        ripe = [r for r in self.repairs if r.label < self.inserted]
        self.repairs = [r for r in self.repairs if r.label >= self.inserted]
        self._recompute({(r.name, r.window, r.start // SECOND) for r in ripe})

    def settle(self) -> None:
        """Everything comes to rest."""
        self.worker.known = known(self.generations)
        self.catch_up()

    def catch_up(self) -> None:
        """Everything that stands in the log has been folded, sent and inserted."""
        self.read_back(self.worker)
        self.fold(self.worker, len(self.log))
        self.send(self.worker)
        self.inserted = len(self.log)
        self.repair()

    def truth(self) -> dict[Window, Row]:
        """The aggregation of the rows with FINAL."""
        windows: dict[Window, list[float]] = {}
        for (name, time), (_, value) in sorted(self._final().items()):
            if value is None:
                continue
            for window in windows_of(name, time):
                windows.setdefault(window, []).append(value)
        return {window: figures(values) for window, values in windows.items()}

    def _final(self) -> dict[tuple[str, int], tuple[int, float | None]]:
        final: dict[tuple[str, int], tuple[int, float | None]] = {}
        for _, r in self.log[: self.inserted]:
            version = row_version(r.generation, r.raw_partition, r.raw_offset)
            for m in r.measurements:
                key = m.name, m.time // SECOND
                final[key] = max(final.get(key, (-1, None)), (version, m.value), key=lambda row: row[0])
        for name, time, version, value in self.replayed:
            final[name, time] = max(final.get((name, time), (-1, None)), (version, value), key=lambda row: row[0])
        return final

    def _recompute(self, windows: set[Window]) -> None:
        self._compute(windows, self.inserted - 1)

    def _compute(self, windows: set[Window], label: int) -> dict[Window, Version]:
        """From the points; versions by window. The generation is that of all rows, tombstones too."""
        versions: dict[Window, Version] = {}
        rows = sorted(self._final().items()) if windows else []
        for name, length, start in windows:
            inside = [row for (n, time), row in rows if n == name and start <= time < start + length]
            values = [value for _, value in inside if value is not None]
            generation = max((version >> 46 for version, _ in inside), default=0)
            versions[name, length, start] = generation, label
            self._put((name, length, start), (generation, label), figures(values) if values else ())
        return versions

    def _put(self, window: Window, version: Version, row: Row) -> None:
        known = self.rows.get(window)
        if known is None or self.flaws.last_record_wins or version >= known[0]:
            self.rows[window] = version, row

    def _log_time(self, offset: int) -> int:
        return self.log[offset][0] if offset < len(self.log) else self.now


def windows_of(name: str, time: int) -> list[Window]:
    """The windows that a point lies in."""
    return [(name, length, time - time % length) for length in LENGTHS]


def figures(values: list[float]) -> Row:
    """As the store computes them; the numbers are whole, so sums are exact."""
    return (len(values), sum(values), min(values), max(values), values[0], values[-1])


def run(seed: int, flaws: Flaws) -> tuple[dict[Window, Any], dict[Window, Any], int]:
    """One random schedule: what the store says at rest, what is true, and how many aggregates were sent."""
    random = Random(seed)
    world = World(random, flaws)
    steps = (
        (world.produce, 30), (lambda: world.fold(world.worker, random.randint(1, 6)), 12),
        (lambda: world.send(world.worker), 8), (lambda: world.read_back(world.worker), 4), (world.repair, 3),
        (world.crash, 1), (world.freeze, 1), (world.thaw, 3), (world.open_generation, 0.5), (world.replay, 0.5),
        (lambda: world.worker.windows.close(world.worker.windows.oldest or 0), 0.3),
    )  # fmt: skip
    actions, weights = zip(*steps, strict=True)
    for step in random.choices(actions, weights, k=random.randint(20, 80)):
        step()
        if random.random() < 0.5:
            world.worker.known = known(world.generations)
    world.settle()
    for _ in world.zombies:
        world.thaw()
    world.settle()
    return {window: row for window, (_, row) in world.rows.items() if row}, world.truth(), world.aggregates
