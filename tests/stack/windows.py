"""What the window tests share: readings to produce, the points of the log as the store would hold them, and a store."""

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from statistics import median
from threading import Event, Thread
from typing import Any

from streams import avro, scan
from streams.avro import encode
from streams.core.identity import row_version
from streams.core.records import Aggregate, Generation, Measurement, Reading, Repair
from streams.core.times import SECOND
from streams.kafka import BatchProducer
from streams.settings import KafkaSettings

Window = tuple[str, str, int, int]
Point = tuple[int, int, float]
"""label (readings offset), version, value"""
Points = dict[tuple[str, str], dict[int, list[Point]]]
"""series -> time -> every value that the log gives, of which the highest version counts"""
Figures = tuple[float, ...]


def superseded(records: Iterable[Aggregate | Repair]) -> int:
    """How many records came after one of the same window with a higher label: somebody wrote who was not up to date."""
    highest: dict[Window, int] = {}
    late = 0
    for r in records:
        window = (r.device, r.name, r.window, r.start)
        late += r.label < highest.get(window, -1)
        highest[window] = max(r.label, highest.get(window, -1))
    return late


def reading(device: str, offset: int, points: Sequence[tuple[str, int, float]], received_at: int) -> Reading:
    """A reading of raw offset ``offset`` with (name, time, value) points."""
    measurements = [Measurement(name, "°C", time, value, None) for name, time, value in points]
    return Reading(
        id=f"{device} {offset}", device=device, source="json", correlation_id="", received_at=received_at,
        time=max((time for _, time, _ in points), default=received_at), raw_partition=0, raw_offset=offset, index=0, generation=1, decoder="test@1", codec=None,
        mapping_position=-1, physical_uid=None, source_ids={}, measurements=measurements,
    )  # fmt: skip


def points_of(settings: KafkaSettings) -> Points:
    """Every point in ``readings``."""
    points: Points = defaultdict(lambda: defaultdict(list))
    for message in scan.scan(settings, "readings"):
        found = avro.decode(message.value() or b"", Reading)
        version = row_version(found.generation, found.raw_partition, found.raw_offset)
        for m in found.measurements:
            assert m.value is not None
            points[found.device, m.name][m.time].append((message.offset() or 0, version, m.value))
    return points


def truth(points: Points, lengths: Iterable[int]) -> dict[Window, Figures]:
    """What every window must be: the aggregation of the rows that the store holds with FINAL."""
    windows: dict[Window, list[float]] = defaultdict(list)
    for (device, name), times in points.items():
        for moment in sorted(times):
            for length in lengths:
                value = max(times[moment], key=lambda point: point[1])[2]
                windows[device, name, length, moment - moment % (length * SECOND)].append(value)
    return {window: figures(values) for window, values in windows.items()}


def figures(values: list[float]) -> Figures:
    """count, sum, min, max, first, last, median; values are such that sums are exact."""
    return len(values), sum(values), min(values), max(values), values[0], values[-1], median(values)


def emitted(settings: KafkaSettings) -> Iterator[Aggregate | Repair]:
    """Every aggregate and repair in the log."""
    for message in scan.scan(settings, "aggregates"):
        record = avro.decode_any(message.value() or b"")
        assert isinstance(record, Repair)
        yield record


def store(records: Iterable[Aggregate | Repair], points: Points) -> dict[Window, Figures]:
    """What readers of the store see: the highest (generation, label) of each window, repairs computed up to there."""
    best: dict[Window, tuple[int, int, Any]] = {}
    for r in records:
        window = (r.device, r.name, r.window, r.start)
        ranked = (r.generation, r.label, r)
        if window not in best or ranked[:2] >= best[window][:2]:
            best[window] = ranked
    return {window: _row(record, points) for window, (_, _, record) in best.items()}


def _row(record: Aggregate | Repair, points: Points) -> Figures:
    if isinstance(record, Aggregate):
        r = record
        return r.count, r.sum, r.min, r.max, r.first, r.last, r.median
    end = record.start + record.window * SECOND
    times = points[record.device, record.name]
    inside = (p for time, p in sorted(times.items()) if record.start <= time < end)
    known = ([point for point in p if point[0] <= record.label] for p in inside)
    return figures([max(p, key=lambda point: point[1])[2] for p in known if p])


def share_of_aggregates(records: Iterable[Aggregate | Repair]) -> float:
    """How many of the records are aggregates, not repairs."""
    kinds = [isinstance(record, Aggregate) for record in records]
    return sum(kinds) / len(kinds)


class Load(Thread):
    """Devices that speak at a steady pace, also late, out of order, twice, or with two values for one time."""

    def __init__(self, settings: KafkaSettings, seed: int, per_second: int = 300) -> None:
        super().__init__(daemon=True)
        self._settings, self._random, self._pace = settings, Random(seed), per_second // 20
        self._producer, self._count, self.sent = BatchProducer(settings), 0, 0
        self._recent: deque[Reading] = deque(maxlen=200)
        self._halt = Event()
        self.faults: list[BaseException] = []

    def __enter__(self) -> "Load":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self.join()
        assert not self.faults

    def run(self) -> None:
        try:
            while not self._halt.wait(0.05):
                for _ in range(self._pace):
                    self._send(self._next())
                self._producer.flush()
                self.sent += self._pace
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def _next(self) -> Reading:
        """Of the sender's clock nothing is ever ahead of the broker's: the log's time comes after it."""
        kind, now = self._random.random(), time.time_ns()
        if kind < 0.1 and self._recent:
            return self._random.choice(self._recent)
        moment = now - self._random.randrange(SECOND) // 4
        if kind < 0.15:
            moment = now - self._random.randrange(2 * 3600 * SECOND)
        elif kind < 0.2 and self._recent:
            moment = self._random.choice(self._recent).time
        self._count += 1
        points = [(name, moment, float(self._random.randrange(1000))) for name in ("t", "h")]
        return reading(f"json:{self._random.randrange(40)}", self._count, points, now)

    def _send(self, record: Reading) -> None:
        self._recent.append(record)
        self._producer.send("readings", record.device, encode(record))


def generation(number: int, opened_at: int, fence: int) -> Generation:
    """A generation whose fence stands at ``fence`` in raw partition 0."""
    return Generation(
        number=number, fences={"0": fence}, code="", codecs="", rules="", opened_at=opened_at, opened_by="", why=""
    )
