"""What of `raw` has already come through one `readings` partition, so that repeats can be told (DESIGN 4.6).

Within a readings partition lineage only grows per raw partition, redelivery aside: a decode agent that was killed sends
the readings of its unfinished batch again, at new offsets. Whoever remembers the highest lineage per raw partition
knows them. The memory travels in the metadata of the offset commit, so that it is exactly as old as the offset.
"""

import struct
from base64 import b64decode, b64encode

from streams.core.records import Lineage, Reading

PARTITION_BITS, OFFSET_BITS, INDEX_BITS = 8, 38, 18
"""One raw partition takes 64 bits: 256 of them are 2,731 characters, and Kafka keeps 4,096 with a commit."""


class Lineages:
    """The highest lineage seen per raw partition of one readings partition."""

    def __init__(self, highest: dict[int, Lineage] | None = None) -> None:
        self._highest = dict(highest or {})

    def admit(self, lineage: Lineage) -> bool:
        """Whether this is news; if so it is remembered."""
        known = self._highest.get(lineage.partition)
        if known is not None and lineage <= known:
            return False
        self._highest[lineage.partition] = lineage
        return True

    def copy(self) -> "Lineages":
        """An independent memory that starts with the same."""
        return Lineages(self._highest)

    def __or__(self, later: "Lineages") -> "Lineages":
        """What either has seen."""
        both = self.copy()
        for lineage in later._highest.values():
            both.admit(lineage)
        return both

    def dump(self) -> str:
        """Text for the commit; empty when nothing was seen.

        Raises:
            OverflowError: a partition, offset or index does not fit its bits.
        """
        packed = [_pack(lineage) for _, lineage in sorted(self._highest.items())]
        return b64encode(struct.pack(f">{len(packed)}Q", *packed)).decode()

    @classmethod
    def load(cls, text: str | None) -> "Lineages":
        """The memory that ``dump`` wrote.

        Raises:
            ValueError: it is no such text.
        """
        data = b64decode(text or "", validate=True)
        if len(data) % 8:
            raise ValueError(f"{len(data)} bytes are no lineages")
        found = [_unpack(packed) for packed in struct.unpack(f">{len(data) // 8}Q", data)]
        return cls({lineage.partition: lineage for lineage in found})


def lineage_of(reading: Reading) -> Lineage | None:
    """Where it comes from; None where no raw record can be: remembered it would keep every later offset from being committed."""
    lineage = Lineage(reading.raw_partition, reading.raw_offset, reading.index)
    return lineage if fits(lineage) else None


def fits(lineage: Lineage) -> bool:
    """Whether it has its place in a commit; negative numbers have none."""
    return not (lineage.partition >> PARTITION_BITS or lineage.offset >> OFFSET_BITS or lineage.index >> INDEX_BITS)


def _pack(lineage: Lineage) -> int:
    if not fits(lineage):
        raise OverflowError(f"{lineage} does not fit into 64 bits")
    return (lineage.partition << OFFSET_BITS | lineage.offset) << INDEX_BITS | lineage.index


def _unpack(packed: int) -> Lineage:
    index = packed & (1 << INDEX_BITS) - 1
    offset = packed >> INDEX_BITS & (1 << OFFSET_BITS) - 1
    return Lineage(packed >> INDEX_BITS + OFFSET_BITS, offset, index)
