"""Repairs asked for by the window agent and not done yet.

A repair waits until the store holds its partition's readings up to its label. Nothing of it is kept on disk: the record
is held back from the commit until it is done, so a crash reads it again.
"""

from collections import defaultdict
from collections.abc import Collection

from msgspec import Struct

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.recompute import Window
from connectors.sinks.clickhouse.store import Store
from streams.core.identity import series_id
from streams.core.records import Repair
from streams.core.times import SECOND

LIMIT = 100_000
"""a partition with more waiting repairs is not read further"""


class _Waiting(Struct, frozen=True):
    label: int
    offset: int


class Repairs:
    """The waiting repairs of the partitions that this sink owns."""

    def __init__(self) -> None:
        self._waiting: dict[int, dict[tuple[int, Window], _Waiting]] = defaultdict(dict)

    def add(self, partition: int, offset: int, repair: Repair) -> None:
        """Note a repair that stands at ``offset`` of `aggregates`; of several for one window the highest label counts."""
        slot = repair.start // (repair.window * SECOND)
        key = repair.window, (series_id(repair.device, repair.name), slot)
        known = self._waiting[partition].get(key, _Waiting(repair.label, offset))
        self._waiting[partition][key] = _Waiting(max(known.label, repair.label), min(known.offset, offset))

    def hold(self, partition: int) -> int | None:
        """The lowest offset of a repair that waits."""
        return min((waiting.offset for waiting in self._waiting[partition].values()), default=None)

    def full(self, partition: int) -> bool:
        """Whether the partition must not be read further now."""
        return len(self._waiting[partition]) > LIMIT

    def settle(self, store: Store, positions: dict[int, int]) -> None:
        """Recompute the windows whose readings the store holds, which are those before ``positions`` (by partition).

        Raises:
            Transient: what is not done still waits.
        """
        ripe = [
            (partition, key)
            for partition, waiting in self._waiting.items()
            for key, one in waiting.items()
            if one.label < positions.get(partition, 0)
        ]
        labels: dict[int, dict[Window, int]] = defaultdict(dict)
        for partition, (length, window) in ripe:
            labels[length][window] = positions[partition] - 1
        for length, windows in labels.items():
            recompute.run(store, recompute.windows(length, windows))
        for partition, key in ripe:
            del self._waiting[partition][key]

    def forget(self, partitions: Collection[int]) -> None:
        """These partitions belong to another sink now."""
        for partition in partitions:
            self._waiting.pop(partition, None)
