"""The points of one series in one span: a set keyed by time, in three packed columns.

Adding is commutative, associative and idempotent, so duplicates, redelivery and disorder end in the same set. At one
time the higher ``identity.row_version`` wins, as in the store. A text is a point without a number (NaN): it takes no
part in aggregates, but hides a number of a lower version, as its row does in the store.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from streams.core.aggregate import MANY
from streams.core.block import Times, Values

POINT_BYTES, SET_BYTES = 28, 700
"""Memory of one more point, and of a set without points: measured on CPython 3.11, over-allocation included."""


class Points:
    """A mutable set. One (time, version) has one value: what the core derives from one raw record is unambiguous.

    ``given_up``: the set is no longer held, its windows are the store's to compute. ``unnumbered``: a text and a number
    met at one time, so that a window without numbers may have had an aggregate before.
    """

    __slots__ = ("_textual", "_top", "given_up", "times", "unit", "unnumbered", "values", "versions")

    def __init__(self) -> None:
        self.times, self.values, self.versions = array("q"), array("d"), array("Q")
        self.unit, self._top = "", -1
        self.given_up = self.unnumbered = self._textual = False

    def __len__(self) -> int:
        return len(self.times)

    def add(self, time: int, value: float | None, version: int, unit: str) -> bool:
        """Add one point, None for a text; say whether the set may have changed.

        A number that is not finite is no point: the store refuses it too.
        """
        if self.given_up:
            return True
        if value is None:
            value, self._textual = nan, True
        elif not isfinite(value):
            return False
        if version > self._top:
            self._top, self.unit = version, unit
        return self._put(time, value, version)

    def add_run(self, times: Times, values: Values, version: int, unit: str) -> bool:
        """Add finite numbers at ascending, distinct times; say whether the set may have changed."""
        if self.given_up or not len(times):
            return self.given_up
        if version > self._top:
            self._top, self.unit = version, unit
        if self.times and times[0] <= self.times[-1]:
            return self._put_run_within(times, values, version)
        self._extend(times, values, np.full(len(times), version, np.uint64))
        return True

    def merge(self, other: "Points") -> None:
        """Add everything that ``other`` holds."""
        if self.given_up or other.given_up:
            return self.give_up()
        self.unnumbered |= other.unnumbered
        self._textual |= other._textual
        for time, number, version in zip(other.times, other.values, other.versions, strict=True):
            self._put(time, number, version)
        if other._top >= self._top:
            self._top, self.unit = other._top, other.unit
        return None

    def give_up(self) -> None:
        """Let go of the points for good."""
        self.given_up = True
        del self.times[:], self.values[:], self.versions[:]

    def between(self, start: int, end: int) -> "tuple[array[float], int]":
        """The numbers at start <= time < end in order of time, and the highest version there (-1: no point)."""
        low, high = bisect_left(self.times, start), bisect_left(self.times, end)
        values = self.values[low:high]
        if self._textual:
            values = array("d", filter(isfinite, values))
        versions = self.versions[low:high]
        newest = int(np.array(versions).max()) if len(versions) >= MANY else max(versions, default=-1)
        return values, newest

    def _put(self, time: int, number: float, version: int) -> bool:
        times = self.times
        if not times or time > times[-1]:
            times.append(time)
            self.values.append(number)
            self.versions.append(version)
            return True
        return self._put_within(time, number, version)

    def _put_run_within(self, times: Times, values: Values, version: int) -> bool:
        """Put a run among what is held; the columns are made anew."""
        held, numbers, versions = np.array(self.times), np.array(self.values), np.array(self.versions)
        at = np.searchsorted(held, times)
        known = held[np.minimum(at, len(held) - 1)] == times
        places, fresh = at[known], ~known
        self.unnumbered |= not bool(np.isfinite(numbers[places]).all())
        higher = versions[places] < version
        numbers[places[higher]], versions[places[higher]] = values[known][higher], version
        if fresh.any():
            held, numbers = np.insert(held, at[fresh], times[fresh]), np.insert(numbers, at[fresh], values[fresh])
            versions = np.insert(versions, at[fresh], version)
        del self.times[:], self.values[:], self.versions[:]
        self._extend(held, numbers, versions)
        return bool(fresh.any() or higher.any())

    def _extend(self, times: Times, values: Values, versions: NDArray[np.uint64]) -> None:
        self.times.frombytes(times.astype(np.int64, copy=False).tobytes())
        self.values.frombytes(values.astype(np.float64, copy=False).tobytes())
        self.versions.frombytes(versions.tobytes())

    def _put_within(self, time: int, number: float, version: int) -> bool:
        at = bisect_left(self.times, time)
        if self.times[at] != time:
            self.times.insert(at, time)
            self.values.insert(at, number)
            self.versions.insert(at, version)
            return True
        self.unnumbered |= isfinite(number) != isfinite(self.values[at])
        if version <= self.versions[at]:
            return False
        self.values[at], self.versions[at] = number, version
        return True


def weight(sets: Iterable[Points]) -> int:
    """About how many bytes ``sets`` take."""
    count = points = 0
    for held in sets:
        count += 1
        points += len(held.times)
    return count * SET_BYTES + points * POINT_BYTES
