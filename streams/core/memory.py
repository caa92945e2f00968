"""What decoders remember: an explicit fold over earlier raw records of one sender, so that a replay can rebuild it.

A decoder with memory says what a record adds to it (``remember``) and opens a record with it (``open_with``). The memory at
a record is the fold over all records of the same ``key`` and raw partition that stand before it. A record that changes
nothing is skipped by the fold, so only those that changed something are kept (topic ``memories``), and the fold over them
is the fold over all. Nothing here depends on when a record is decoded, or with which others.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Protocol, TypeGuard

from msgspec import Struct

from streams.core.message import Decoder, Opened, Rejected
from streams.core.records import Lineage, RawRecord

Memory = Mapping[str, RawRecord]
"""Earlier records in force, by what each defines: for Sparkplug the last births, by device."""
Entry = tuple[int, RawRecord]
"""The raw offset of a record that changed a memory, and the record."""
Entries = Sequence[Entry]
"""In order of their offsets."""
Recollect = Callable[[str, int], Entries]
"""Fold key and raw partition -> what has been remembered; it may hold records after the one that is decoded."""

NOTHING: Memory = {}
SIZE_LIMIT = 1_000_000
"""Bytes of payload of a record that may be remembered: it is held in memory by every worker."""
_OFFSET = itemgetter(0)


class Remembered(Struct, frozen=True, kw_only=True, gc=False):
    """A raw record that later ones of the same ``key`` are decoded with; ``record``: its bytes, as in ``raw``."""

    key: str
    raw_partition: int
    raw_offset: int
    record: bytes


class Remembering(Decoder, Protocol):
    """A decoder with memory; ``open(record)`` is ``open_with(record, {})``. Laws: ``tests/contracts/test_memory.py``."""

    def remember(self, memory: Memory, record: RawRecord) -> Memory:
        """The memory after the record: ``memory`` itself when the record changes nothing. Never raises."""

    def open_with(self, record: RawRecord, memory: Memory) -> list[Opened]:
        """As ``open``, with the memory before the record. Never raises."""


def no_history(_key: str, _partition: int) -> Entries:
    """Nothing has been remembered."""
    return ()


def remembers(decoder: Decoder) -> TypeGuard[Remembering]:
    """Whether it is a decoder with memory."""
    return hasattr(decoder, "remember")


class History:
    """Records that changed memories, by fold key and raw partition; bounded by how often senders define something new."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], tuple[Entry, ...]] = {}
        self._count = 0

    def add(self, key: str, lineage: Lineage, record: RawRecord) -> None:
        """Keep a record; one that is there already is left alone. Not for two threads at a time."""
        place = key, lineage.partition
        known = self._entries.get(place, ())
        self._entries[place] = tuple(_inserted(known, lineage.offset, record))
        self._count += len(self._entries[place]) - len(known)

    def of(self, key: str, partition: int) -> Entries:
        """What has been remembered."""
        return self._entries.get((key, partition), ())

    def __len__(self) -> int:
        return self._count


class Recall:
    """Memories while a batch is decoded: what was remembered before it, and what its own records add.

    Records of one raw partition must come in the order of their offsets, so that each finds those before it.
    """

    def __init__(self, recollect: Recollect) -> None:
        self._recollect = recollect
        self._entries: dict[tuple[str, int], Entries] = {}
        self._folded: dict[tuple[str, int], tuple[int, Memory]] = {}

    def of(self, decoder: Remembering, record: RawRecord, lineage: Lineage) -> tuple[Memory, str | None]:
        """The memory before the record, and the fold key when later records need this one."""
        key = decoder.key(record)
        if key is None:
            return NOTHING, None
        place = key, lineage.partition
        memory = self._before(decoder, place, lineage.offset)
        if len(record.payload) > SIZE_LIMIT or decoder.remember(memory, record) is memory:
            return memory, None
        self._entries[place] = _inserted(self._entries[place], lineage.offset, record)
        return memory, key

    def _before(self, decoder: Remembering, place: tuple[str, int], offset: int) -> Memory:
        if place not in self._entries:
            self._entries[place] = self._recollect(*place)
        entries = self._entries[place]
        since, memory = self._folded.get(place, (-1, NOTHING))
        if since > offset:
            since, memory = -1, NOTHING
        for _, earlier in entries[_at(entries, since) : _at(entries, offset)]:
            memory = decoder.remember(memory, earlier)
        self._folded[place] = offset, memory
        return memory


def too_large(record: RawRecord) -> Rejected | None:
    """Why a record that defines something cannot be remembered; None when it can."""
    if len(record.payload) <= SIZE_LIMIT:
        return None
    return Rejected("open", "too-large-to-remember", f"{len(record.payload)} bytes, at most {SIZE_LIMIT} are")


def _inserted(entries: Entries, offset: int, record: RawRecord) -> Entries:
    at = _at(entries, offset)
    if at < len(entries) and entries[at][0] == offset:
        return entries
    return [*entries[:at], (offset, record), *entries[at:]]


def _at(entries: Entries, offset: int) -> int:
    return bisect_left(entries, offset, key=_OFFSET)
