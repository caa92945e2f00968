"""What must be in the store, pure: readings and dead letters folded into rows, latest values and aggregates."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from statistics import median_high, median_low

from msgspec import Struct, field

from connectors.verify.scope import WHOLE, Scope
from streams.core.block import points
from streams.core.identity import row_version, series_id
from streams.core.records import DeadLetter, Reading
from streams.core.times import SECOND

PointKey = tuple[int, int]
"""(series id, time)"""
WindowKey = tuple[int, int, int]
"""(series id, window in seconds, start)"""
LetterKey = tuple[str, str, int, int, int]
"""(stage, reason, raw partition, raw offset, index)"""


class Point(Struct, frozen=True):
    """One row, as a person would see it."""

    value: float | None
    text: str | None
    logical_uid: int | None
    version: int
    quality: int = 0
    """bit set, as ``streams.core.message.QUALITY`` names it"""


class Newest(Struct, frozen=True):
    """The newest point of a series."""

    time: int
    point: Point


class Name(Struct, frozen=True):
    """What a series is called."""

    device: str
    name: str


class Fold(Struct, frozen=True):
    """One aggregate."""

    count: int
    sum: float
    min: float
    max: float
    first: float
    last: float
    median: float


class Contents(Struct):
    """One side of the comparison: the store's tables, or what they must be."""

    points: dict[PointKey, Point] = field(default_factory=dict)
    dead_letters: Counter[LetterKey] = field(default_factory=Counter)
    aggregates: dict[WindowKey, Fold] = field(default_factory=dict)
    latest: dict[int, Newest] = field(default_factory=dict)
    """by series id"""
    names: dict[int, Name] = field(default_factory=dict)
    """by series id"""
    masked: dict[PointKey, list[Point]] = field(default_factory=dict)
    """points that lost against another raw record's; of the log's side only"""


def add_reading(contents: Contents, reading: Reading, scope: Scope = WHOLE) -> None:
    """Add a reading's points, those in ``scope``; of two for one (series, time) the higher version stays."""
    if not scope.takes_device(reading.device):
        return
    version = row_version(reading.generation, reading.raw_partition, reading.raw_offset)
    for m in chain(reading.measurements, *map(points, reading.blocks)):
        if not scope.takes_time(m.time):
            continue
        key = (series_id(reading.device, m.name), m.time)
        contents.names.setdefault(key[0], Name(reading.device, m.name))
        point, known = Point(m.value, m.text, m.logical_uid, version, m.quality), contents.points.get(key)
        if known is not None and known.version != version:
            contents.masked.setdefault(key, []).append(min(point, known, key=_version))
        if known is None or version >= known.version:
            contents.points[key] = point


def _version(point: Point) -> int:
    return point.version


def add_dead_letter(contents: Contents, letter: DeadLetter, scope: Scope = WHOLE) -> None:
    """Add a dead letter in ``scope``; the same one may have been written more than once, and counts once."""
    if not scope.takes_letter(letter):
        return
    contents.dead_letters[letter_key(letter)] = 1


def letter_key(letter: DeadLetter) -> LetterKey:
    """What the same letter has in common whenever it is written."""
    return letter.stage, letter.reason, letter.raw_partition, letter.raw_offset, letter.index


def derive(contents: Contents, windows: Iterable[int], scope: Scope = WHOLE) -> None:
    """Fill ``aggregates`` (of the window lengths given, seconds) and ``latest`` from ``points``, as far as in ``scope``."""
    if scope.compares_latest:
        contents.latest = newest(contents.points)
    made = fold(contents.points, windows)
    contents.aggregates = {key: value for key, value in made.items() if scope.takes_window(key[2], key[1])}


def newest(points: Mapping[PointKey, Point]) -> dict[int, Newest]:
    """The newest point of each series."""
    times: dict[int, int] = {}
    for series, time in points:
        times[series] = max(time, times.get(series, time))
    return {series: Newest(time, points[series, time]) for series, time in times.items()}


def fold(points: Mapping[PointKey, Point], windows: Iterable[int]) -> dict[WindowKey, Fold]:
    """The aggregates of every (series, window), computed the plain way."""
    groups: dict[WindowKey, list[tuple[int, float]]] = defaultdict(list)
    for window in windows:
        length = window * SECOND
        for (series, time), point in points.items():
            if point.value is not None:
                groups[series, window, time // length * length].append((time, point.value))
    return {key: _fold(sorted(group)) for key, group in groups.items()}


def _fold(group: list[tuple[int, float]]) -> Fold:
    values = [value for _, value in group]
    return Fold(len(values), _sum(values), min(values), max(values), values[0], values[-1], _median(values))


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:  # beyond the largest double
        return sum(values)


def _median(values: list[float]) -> float:
    return _mean(median_low(values), median_high(values))


def _mean(low: float, high: float) -> float:
    total = low + high
    return low / 2 + high / 2 if math.isinf(total) else total / 2
