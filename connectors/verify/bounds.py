"""Which part of a topic the files of a sink must hold."""

from collections.abc import Mapping

from msgspec import Struct

Offsets = Mapping[int, int]
"""By partition."""


class Bounds(Struct, frozen=True):
    """Offsets of a topic."""

    begins: Offsets
    """the first one that Kafka still has"""
    since: Offsets | None
    """the first one that must be in the files; None: the first one that is"""
    until: Offsets
    """the first one that the sink has not committed"""

    def must(self, partition: int, offset: int, first: int = 0) -> bool:
        """Whether a record's contents must be there; ``first``: the first one that is there."""
        low = first if self.since is None else self.since.get(partition, 0)
        return low <= offset < self.until.get(partition, 0)
