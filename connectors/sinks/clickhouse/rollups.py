"""What incoming points touched and the store has not recomputed yet: windows of an hour and a day, latest points.

Nothing of it is kept on disk: readings are held back from the commit until it is done, so a crash reads them again.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import chain

import numpy as np
from msgspec import Struct, field

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.recompute import Window
from connectors.sinks.clickhouse.store import Store
from streams.rows import Points

HOUR, DAY = LENGTHS = 3600, 86_400
HOUR_NS = HOUR * 1_000_000_000
LIMIT = 200_000
"""more touched windows than this are recomputed at once, whatever the interval"""


class _Touched(Struct):
    """Of one `readings` partition: from which offset on, which hours, and the newest time of each series."""

    since: int
    hours: set[Window] = field(default_factory=set)
    newest: dict[int, int] = field(default_factory=dict)


class Rollups:
    """The touched windows of the partitions that this sink owns.

    Recomputing goes statement by statement, so that inserts need not wait for all of it; what is touched meanwhile is
    the next round's.
    """

    def __init__(self) -> None:
        self._touched: dict[int, _Touched] = {}
        self._underway: dict[int, _Touched] = {}
        self._statements: Iterator[str] = iter(())
        self._next: str | None = None

    def touch(self, partition: int, offset: int, points: Points) -> None:
        """Note what points changed that stood in ``partition`` from ``offset`` on."""
        touched = self._touched.setdefault(partition, _Touched(offset))
        touched.since = min(touched.since, offset)
        touched.hours.update((series, ts // HOUR_NS) for series, ts in zip(points.series_id, points.ts, strict=True))
        newest = touched.newest
        for series, ts in zip(points.series_id, points.ts, strict=True):
            if ts > newest.get(series, 0):
                newest[series] = ts
        for run in points.runs:
            touched.hours.update((run.series_id, hour) for hour in np.unique(run.ts // HOUR_NS).tolist())
            newest[run.series_id] = max(newest.get(run.series_id, 0), int(run.ts[-1]))

    def hold(self, partition: int) -> int | None:
        """The first offset whose windows are not recomputed."""
        held = (round_[partition].since for round_ in (self._underway, self._touched) if partition in round_)
        return min(held, default=None)

    @property
    def busy(self) -> bool:
        """Whether a round has begun and is not through."""
        return self._next is not None

    @property
    def full(self) -> bool:
        """Whether memory says: recompute now."""
        return sum(len(touched.hours) for touched in self._touched.values()) > LIMIT

    def settle(self, store: Store, positions: dict[int, int], enough: Callable[[], bool] = lambda: False) -> None:
        """Go on with the round, or begin one: the store holds the readings before ``positions`` (by partition).

        Stops after the statement at whose end ``enough`` says so; ``busy`` then tells that there is more.

        Raises:
            Transient: what is not done is held and tried again.
        """
        if self._next is None:
            self._begin(positions)
        while self._next is not None:
            recompute.run(store, [self._next])
            self._next = next(self._statements, None)
            if enough():
                break
        if self._next is None:
            self._underway.clear()

    def _begin(self, positions: dict[int, int]) -> None:
        # A partition whose write has not succeeded yet waits for its position.
        ready = {p: touched for p, touched in self._touched.items() if positions.get(p, 0) > touched.since}
        newest = {series: ts for touched in ready.values() for series, ts in touched.newest.items()}
        hours = {hour: positions[p] - 1 for p, touched in ready.items() for hour in touched.hours}
        days = {(series, hour // 24): label for (series, hour), label in hours.items()}
        self._underway = {partition: self._touched.pop(partition) for partition in ready}
        self._statements = chain(recompute.latest(newest), recompute.windows(HOUR, hours), recompute.windows(DAY, days))
        self._next = next(self._statements, None)

    def forget(self, partitions: Collection[int]) -> None:
        """These partitions belong to another sink now; the round begins anew without them."""
        self._next = None
        for partition, begun in self._underway.items():
            self._touched[partition] = _united(begun, self._touched.get(partition, begun))
        self._underway.clear()
        for partition in partitions:
            self._touched.pop(partition, None)


def _united(one: _Touched, other: _Touched) -> _Touched:
    series = one.newest.keys() | other.newest.keys()
    newest = {s: max(one.newest.get(s, 0), other.newest.get(s, 0)) for s in series}
    return _Touched(min(one.since, other.since), one.hours | other.hours, newest)
