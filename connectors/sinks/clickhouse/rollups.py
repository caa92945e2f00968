"""What incoming points touched and the store has not recomputed yet: windows of an hour and a day, latest points.

Nothing of it is kept on disk: readings are held back from the commit until it is done, so a crash reads them again.
"""

from collections.abc import Collection

from msgspec import Struct, field

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.recompute import Window
from connectors.sinks.clickhouse.rows import Points
from connectors.sinks.clickhouse.store import Store

HOUR, DAY = 3600, 86_400
HOUR_NS = HOUR * 1_000_000_000
LIMIT = 200_000
"""more touched windows than this are recomputed at once, whatever the interval"""


class _Touched(Struct):
    """Of one `readings` partition: from which offset on, which hours, and the newest time of each series."""

    since: int
    hours: set[Window] = field(default_factory=set)
    newest: dict[int, int] = field(default_factory=dict)


class Rollups:
    """The touched windows of the partitions that this sink owns."""

    def __init__(self) -> None:
        self._touched: dict[int, _Touched] = {}

    def touch(self, partition: int, offset: int, points: Points) -> None:
        """Note what points changed that stood in ``partition`` from ``offset`` on."""
        touched = self._touched.setdefault(partition, _Touched(offset))
        touched.since = min(touched.since, offset)
        touched.hours.update((series, ts // HOUR_NS) for series, ts in zip(points.series_id, points.ts, strict=True))
        newest = touched.newest
        for series, ts in zip(points.series_id, points.ts, strict=True):
            if ts > newest.get(series, 0):
                newest[series] = ts

    def hold(self, partition: int) -> int | None:
        """The first offset whose windows are not recomputed."""
        touched = self._touched.get(partition)
        return None if touched is None else touched.since

    @property
    def full(self) -> bool:
        """Whether memory says: recompute now."""
        return sum(len(touched.hours) for touched in self._touched.values()) > LIMIT

    def settle(self, store: Store, positions: dict[int, int]) -> None:
        """Recompute all that was touched; the store holds the readings before ``positions`` (by partition).

        Raises:
            Transient: what is not done stays touched.
        """
        # A partition whose write has not succeeded yet waits for its position.
        ready = {p: touched for p, touched in self._touched.items() if positions.get(p, 0) > touched.since}
        newest = {series: ts for touched in ready.values() for series, ts in touched.newest.items()}
        hours = {hour: positions[p] - 1 for p, touched in ready.items() for hour in touched.hours}
        days = {(series, hour // 24): label for (series, hour), label in hours.items()}
        recompute.latest(store, newest)
        recompute.windows(store, HOUR, hours)
        recompute.windows(store, DAY, days)
        for partition in ready:
            del self._touched[partition]

    def forget(self, partitions: Collection[int]) -> None:
        """These partitions belong to another sink now."""
        for partition in partitions:
            self._touched.pop(partition, None)
