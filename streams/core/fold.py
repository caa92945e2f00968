"""Fold the readings of one partition into its open windows, and say what each touched window did."""

from collections.abc import Iterator
from sys import intern

import numpy as np
from msgspec import Struct

from streams.core import block as blocks
from streams.core.aggregate import Figures, figures
from streams.core.block import Times, Values
from streams.core.coverage import Known, covered
from streams.core.identity import generation_of, row_version
from streams.core.points import Points, weight
from streams.core.records import Aggregate, Block, Reading, Repair
from streams.core.times import SECOND
from streams.core.window import Rule, start_of

Series = tuple[str, str]
Window = tuple[str, str, int, int]
"""device, name, length in ns, start"""
Cell = tuple[str, str, int]
"""device, name, start of a cell"""

MOST_POINTS = 100_000
"""of one series in one span; a faster sensor's windows are left to the store"""
LAST = 2**63
"""Times are int64."""


class Unfoldable(ValueError):
    """A reading that no window can take; nothing of it has been folded."""


class Touch(Struct, frozen=True):
    """The last change of a cell or window: by which ``readings`` offset, of which row version and unit."""

    label: int
    version: int
    unit: str


class Windows:
    """The open windows of one ``readings`` partition: mutable, and a pure function of what was folded.

    ``covered_from``: log time from which on every record has been folded. ``closed``: spans that end at or before this
    event time are closed.
    """

    def __init__(self, rule: Rule, covered_from: int) -> None:
        self.rule, self.covered_from = rule, covered_from
        self.closed, self.log_time = -LAST, 0
        self._spans: dict[int, dict[Series, Points]] = {}
        self._touched: dict[Cell, Touch] = {}

    @property
    def open(self) -> int:
        """How many (series, span) pairs are held."""
        return sum(len(sets) for sets in self._spans.values())

    @property
    def weight(self) -> int:
        """About how many bytes are held."""
        return sum(weight(sets.values()) for sets in self._spans.values())

    @property
    def oldest(self) -> int | None:
        """The end of the oldest open span."""
        return min(self._spans) + self.rule.span if self._spans else None

    def fold(self, reading: Reading, label: int, log_time: int) -> None:
        """Take in one reading, which stood at offset ``label`` and was appended at ``log_time``.

        Raises:
            Unfoldable: its lineage or a block is impossible.
        """
        version, runs = _version(reading), [_columns(block) for block in reading.blocks]
        self.log_time = max(self.log_time, log_time)
        limit, device, span, cell = log_time + self.rule.ahead, reading.device, self.rule.span, self.rule.cell
        for m in reading.measurements:
            time = m.time
            points = self._points(device, m.name, time - time % span)
            if points is not None and time > limit:
                points.give_up()
            if points is None or points.add(time, m.value, version, m.unit):
                self._touched[device, m.name, time - time % cell] = Touch(label, version, m.unit)
        for block, (times, values) in zip(reading.blocks, runs, strict=True):
            self._fold_run((device, block.name), times, values, Touch(label, version, block.unit), limit)

    def emit(self, known: Known) -> Iterator[Aggregate | Repair]:
        """What every window touched since the last call did, or that the store must say."""
        for window, touch in self._touched_windows().items():
            record = self._describe(window, touch, known)
            if record is not None:
                yield record

    def forget_touched(self) -> None:
        """Say nothing of what was folded so far: others have."""
        self._touched.clear()

    def close_past(self) -> None:
        """Close the spans that log time has left behind."""
        self.close(self.log_time - self.rule.hold)

    def close(self, until: int) -> None:
        """Close the spans that end at or before ``until``; what was touched there becomes repairs."""
        self.closed = max(self.closed, until)
        for start in [start for start in self._spans if start + self.rule.span <= self.closed]:
            del self._spans[start]

    def merge(self, earlier: "Windows") -> None:
        """Take over what was folded from an earlier stretch of the same log, which ends where this one began."""
        self.close(earlier.closed)
        earlier.close(self.closed)
        for start, sets in earlier._spans.items():
            held = self._spans.setdefault(start, {})
            for series, points in sets.items():
                held.setdefault(series, points)
                if held[series] is not points:
                    held[series].merge(points)
        self.covered_from = min(self.covered_from, earlier.covered_from)

    def _touched_windows(self) -> dict[Window, Touch]:
        """Every window of the cells touched since the last call, with the highest label of them."""
        touched, self._touched = self._touched, {}
        windows: dict[Window, Touch] = {}
        for (device, name, cell), touch in touched.items():
            for length in self.rule.lengths:
                window = device, name, length, cell - cell % length
                if windows.setdefault(window, touch).label < touch.label:
                    windows[window] = touch
        return windows

    def _points(self, device: str, name: str, start: int) -> Points | None:
        """The set of a series in the span at ``start``; None when that is closed."""
        sets = self._spans.get(start)
        if sets is None:
            if start + self.rule.span <= self.closed:
                return None
            sets = self._spans[start] = {}
        points = sets.get((device, name))
        if points is None:
            points = sets[intern(device), intern(name)] = Points()
        return points

    def _fold_run(self, series: Series, times: Times, values: Values, touch: Touch, limit: int) -> None:
        """Fold a block's points, span by span."""
        for start, low, high in _stretches(times, self.rule.span):
            self._fold_part(series, start, times[low:high], values[low:high], touch, limit)

    def _fold_part(self, series: Series, start: int, times: Times, values: Values, touch: Touch, limit: int) -> None:
        device, name = series
        points = self._points(device, name, start)
        if points is not None and (times[-1] > limit or len(points) + len(times) > MOST_POINTS):
            points.give_up()
        if points is None or points.add_run(times, values, touch.version, touch.unit):
            for cell, _, _ in _stretches(times, self.rule.cell):
                self._touched[device, name, cell] = touch

    def _describe(self, window: Window, touch: Touch, known: Known) -> Aggregate | Repair | None:
        device, name, length, start = window
        points = self._spans.get(start_of(start, self.rule.span), {}).get((device, name))
        if points is None or points.given_up or not covered(start, self.covered_from, known.opened, self.rule.ahead):
            return _repair(window, touch)
        values, version = points.between(start, start + length)
        if generation_of(version) > known.newest:
            return _repair(window, touch)
        if values:
            return _aggregate(window, touch.label, version, points.unit, figures(values))
        return _repair(window, touch) if points.unnumbered else None


def _repair(window: Window, touch: Touch) -> Repair:
    device, name, length, start = window
    return Repair(
        device=device, name=name, unit=touch.unit, window=length // SECOND, start=start, label=touch.label,
        generation=generation_of(touch.version),
    )  # fmt: skip


def _aggregate(window: Window, label: int, version: int, unit: str, found: Figures) -> Aggregate:
    device, name, length, start = window
    return Aggregate(
        device=device, name=name, unit=unit, window=length // SECOND, start=start, label=label,
        generation=generation_of(version), covered=True, count=found.count, sum=found.sum, min=found.min,
        max=found.max, first=found.first, last=found.last, median=found.median,
    )  # fmt: skip


def _version(reading: Reading) -> int:
    try:
        return row_version(reading.generation, reading.raw_partition, reading.raw_offset)
    except OverflowError as error:
        raise Unfoldable(str(error)) from error


def _stretches(times: Times, length: int) -> list[tuple[int, int, int]]:
    """Ascending times by the cells of ``length`` that they are in: its start, first index, the one after the last."""
    if not len(times):
        return []
    first = start_of(int(times[0]), length)
    if times[-1] < first + length:  # so it is for nearly every batch
        return [(first, 0, len(times))]
    starts, lows = np.unique(times - times % length, return_index=True)
    return list(zip(starts.tolist(), lows.tolist(), [*lows.tolist(), len(times)][1:], strict=True))


def _columns(block: Block) -> tuple[Times, Values]:
    """Times and values, without what is no finite number: the store refuses that too."""
    fault = blocks.fault(block)
    if fault is not None:
        raise Unfoldable(fault)
    times, values = blocks.times(block), blocks.values(block)
    finite = np.isfinite(values)
    return (times, values) if finite.all() else (times[finite], values[finite])
