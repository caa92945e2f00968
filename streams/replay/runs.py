"""Sets of raw lineages as runs of offsets: dense replays take a few numbers, sparse ones sixteen bytes a record. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Run = tuple[int, int, int]
"""raw partition, first offset, last offset (included)"""


class Runs:
    """A set of (raw partition, offset). Cheapest when offsets come in order."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._firsts: dict[int, list[int]] = {}
        self._lasts: dict[int, list[int]] = {}
        for partition, first, last in runs:
            self.add_run(partition, first, last)

    def __iter__(self) -> Iterator[Run]:
        for partition in sorted(self._firsts):
            yield from (
                (partition, first, last)
                for first, last in zip(self._firsts[partition], self._lasts[partition], strict=True)
            )

    def __len__(self) -> int:
        """How many runs, which is what it takes in memory."""
        return sum(map(len, self._firsts.values()))

    def __bool__(self) -> bool:
        return any(self._firsts.values())

    def __contains__(self, lineage: tuple[int, int]) -> bool:
        partition, offset = lineage
        at = bisect_right(self._firsts.get(partition, ()), offset) - 1
        return at >= 0 and offset <= self._lasts[partition][at]

    def add(self, partition: int, offset: int) -> None:
        """Add one record."""
        self.add_run(partition, offset, offset)

    def add_run(self, partition: int, first: int, last: int) -> None:
        """Add the records from ``first`` to ``last``, both included; runs that touch become one."""
        firsts, lasts = self._firsts.setdefault(partition, []), self._lasts.setdefault(partition, [])
        if lasts and lasts[-1] == first - 1:  # in order: by far the most frequent
            lasts[-1] = last
            return
        low = bisect_right(firsts, first) - 1
        low = low if low >= 0 and lasts[low] >= first - 1 else low + 1
        high = bisect_right(firsts, last + 1)
        if low < high:
            first, last = min(first, firsts[low]), max(last, lasts[high - 1])
        firsts[low:high], lasts[low:high] = [first], [last]

    @property
    def records(self) -> int:
        """How many records it holds."""
        return sum(last - first + 1 for _, first, last in self)
