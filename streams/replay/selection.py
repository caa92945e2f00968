"""Which raw records a replay is about. Pure.

A raw record is replayed as a whole or not at all. It is selected when what is known of the record itself fits (source,
time of receipt, offset), and one of the points that the store has of it, or one that decoding gives now, fits the rest;
where codecs are asked for, also when one of them failed. So a point that moves out of the selection is taken away, and one that moves in is added.
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from streams.core import block as blocks
from streams.core.records import Block, RawRecord, Reading

Offsets = tuple[int, int]
"""first offset and the one after the last"""


class Selection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every criterion must hold; an empty one holds always. Times are ns since the epoch, ends excluded.

    ``offsets``: raw partition (as text) -> range; when it is given, other partitions are not read. ``codecs`` are
    names, without ``@hash``; a decoder's where it read the values itself. ``stages`` and ``reasons`` choose among dead
    letters and are for that mode only.
    """

    sources: tuple[str, ...] = ()
    received_from: int | None = None
    received_until: int | None = None
    offsets: dict[str, Offsets] = {}
    devices: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    logical: tuple[int, ...] = ()
    time_from: int | None = None
    time_until: int | None = None
    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def by_points(self) -> bool:
        """Whether it asks anything of a record's points."""
        return bool(self.devices or self.codecs or self.logical) or (self.time_from, self.time_until) != (None, None)

    def takes_record(self, raw: RawRecord, partition: int, offset: int) -> bool:
        """Whether what is known of the record itself fits."""
        if self.sources and raw.source not in self.sources:
            return False
        received = _within(raw.received_at, self.received_from, self.received_until)
        return received and self.takes_offset(partition, offset)

    def takes_unreadable(self, partition: int, offset: int) -> bool:
        """Whether a record fits of which nothing is known but its place."""
        asked = self.sources or self.by_points or (self.received_from, self.received_until) != (None, None)
        return not asked and self.takes_offset(partition, offset)

    def takes_offset(self, partition: int, offset: int) -> bool:
        """Whether a record at this place may fit."""
        if not self.offsets:
            return True
        first, end = self.offsets.get(str(partition), (0, 0))
        return first <= offset < end

    def until(self, partition: int, end: int) -> int:
        """Where to stop reading a partition that goes up to ``end``."""
        return min(end, self.offsets.get(str(partition), (0, end))[1])

    def takes_reading(self, reading: Reading) -> bool:
        """Whether a point of the reading fits; true for every reading with points when nothing is asked of them."""
        points = ((m.time, m.logical_uid) for m in reading.measurements)
        return self.takes_points(reading.device, reading.codec or reading.decoder, points, reading.blocks)

    def takes_points(
        self, device: str, reader: str, points: Iterable[tuple[int, int | None]], runs: Iterable[Block] = ()
    ) -> bool:
        """Whether one of a device's points (time, logical uid) fits; ``reader``: the codec or decoder that read them.

        ``runs``: blocks of more points.
        """
        if self.devices and device not in self.devices:
            return False
        if self.codecs and reader.partition("@")[0] not in self.codecs:
            return False
        if any(self._takes_point(time, logical_uid) for time, logical_uid in points):
            return True
        return any(self._takes_block(block) for block in runs)

    def _takes_block(self, block: Block) -> bool:
        if self.logical and block.logical_uid not in self.logical:
            return False
        times = blocks.times(block)
        first = 0 if self.time_from is None else int(np.searchsorted(times, self.time_from))
        return first < len(times) and _within(int(times[first]), self.time_from, self.time_until)

    def _takes_point(self, time: int, logical_uid: int | None) -> bool:
        return (not self.logical or logical_uid in self.logical) and _within(time, self.time_from, self.time_until)


def _within(value: int, first: int | None, end: int | None) -> bool:
    return (first is None or first <= value) and (end is None or value < end)
