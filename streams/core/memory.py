"""What decoders remember: an explicit fold over earlier raw records of one sender, so that a replay can rebuild it.

A decoder with memory says what a record adds to it (``remember``) and opens a record with it (``open_with``). The memory at
a record is the fold over all records of the same ``key`` and raw partition that stand before it. A record that changes
nothing is skipped by the fold, so only those that changed something are kept (topic ``memories``), and the fold over them
is the fold over all. Nothing here depends on when a record is decoded, or with which others.

What is remembered of a raw partition has a bound, and so has one sender's share of it: every worker holds it in memory.
A record beyond is refused, aloud, and defines nothing, whatever its sender had defined before: who reads on by old
definitions stores what was never said. What counts is what stands before the record in the log, superseded or not.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol, TypeGuard, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from streams.core.message import Decoder, Opened, Rejected
from streams.core.records import Lineage, RawRecord

Memory = Mapping[str, RawRecord]
"""Earlier records in force, by what each defines: for Sparkplug the last births, by device."""
Entry = tuple[int, RawRecord]
"""The raw offset of a record that changed a memory, and the record."""
Entries = Sequence[Entry]
"""In order of their offsets."""
Place = tuple[str, int]
"""Fold key and raw partition."""

T = TypeVar("T", bound=tuple[Any, ...])

NOTHING: Memory = {}
SIZE_LIMIT = 1_000_000
"""Bytes of payload of a record that may be remembered: it is held in memory by every worker."""
TOTAL_LIMIT = 64_000_000
"""bytes that are remembered of a raw partition, where no setting says otherwise"""
SHARE = 4
"""one sender may take this part of it"""
OVERHEAD = 1_000
"""bytes that a record takes besides its texts and its payload"""
AT_ONCE = 20
"""records that may become a message of each that is remembered, however few bytes they have, which are decoded at once"""
ALL = ""
"""in the place of a fold key: of all senders"""
_OFFSET = itemgetter(0)


class Remembered(Struct, frozen=True, kw_only=True, gc=False):
    """A raw record that later ones of the same ``key`` are decoded with; ``record``: its bytes, as in ``raw``."""

    key: str
    raw_partition: int
    raw_offset: int
    record: bytes


class Kept(Struct, frozen=True, gc=False):
    """What later records are decoded with: the fold key, and the record as it is remembered."""

    key: str
    record: RawRecord


class Recalled(Struct, frozen=True, gc=False):
    """The memory before a record, what is kept of it, and why that is not what it says."""

    memory: Memory = NOTHING
    kept: Kept | None = None
    refused: Sequence[Rejected] = ()


class Remembering(Decoder, Protocol):
    """A decoder with memory; ``open(record)`` is ``open_with(record, {})``. Laws: ``tests/contracts/test_memory.py``."""

    def remember(self, memory: Memory, record: RawRecord) -> Memory:
        """The memory after the record: ``memory`` itself when the record changes nothing. Never raises.

        A record without payload takes away what its sender had defined, and changes nothing where there was nothing.
        """

    def tells_of_others(self, record: RawRecord) -> bool:
        """Whether it may become more than one message. Never raises."""

    def open_with(self, record: RawRecord, memory: Memory) -> list[Opened]:
        """As ``open``, with the memory before the record. Never raises."""


def remembers(decoder: Decoder) -> TypeGuard[Remembering]:
    """Whether it is a decoder with memory."""
    return hasattr(decoder, "remember")


class Sums:
    """How many bytes the records up to each offset take together."""

    def __init__(self, sums: Sequence[tuple[int, int]] = ()) -> None:
        self._sums = list(sums)

    def add(self, offset: int, size: int) -> None:
        """One more record; one that is there already is left alone."""
        at = bisect_left(self._sums, offset, key=_OFFSET)
        later = self._sums[at:]
        if not later or later[0][0] != offset:
            self._sums[at:] = [(offset, self.before(offset) + size), *((one, total + size) for one, total in later)]

    def before(self, offset: int) -> int:
        """The bytes of all that stand before."""
        at = bisect_left(self._sums, offset, key=_OFFSET)
        return self._sums[at - 1][1] if at else 0

    def copy(self) -> "Sums":
        """The same, on its own from here on."""
        return Sums(self._sums)


class Recollection(Protocol):
    """What has been remembered; it may hold records after the one that is decoded."""

    def of(self, key: str, partition: int) -> Entries:
        """The records of one fold key."""

    def sums(self, key: str, partition: int) -> Sums:
        """How much they take, a copy; ``ALL``: those of every key."""


class History:
    """Records that changed memories, by fold key and raw partition."""

    def __init__(self) -> None:
        self._entries: dict[Place, tuple[Entry, ...]] = {}
        self._sums: dict[Place, Sums] = {}
        self._count = 0

    def add(self, key: str, lineage: Lineage, record: RawRecord) -> None:
        """Keep a record; one that is there already is left alone. Not for two threads at a time."""
        place = key, lineage.partition
        known = self._entries.get(place, ())
        self._entries[place] = tuple(_inserted(known, lineage.offset, record))
        self._count += len(self._entries[place]) - len(known)
        for every in (place, (ALL, lineage.partition)):
            self._sums.setdefault(every, Sums()).add(lineage.offset, size(record))

    def of(self, key: str, partition: int) -> Entries:
        """What has been remembered."""
        return self._entries.get((key, partition), ())

    def sums(self, key: str, partition: int) -> Sums:
        """See ``Recollection``."""
        found = self._sums.get((key, partition))
        return found.copy() if found else Sums()

    def __len__(self) -> int:
        return self._count


class Recall:
    """Memories while a batch is decoded: what was remembered before it, and what its own records add.

    Records of one raw partition must come in the order of their offsets, so that each finds those before it.
    """

    def __init__(self, recollect: Recollection, limit: int = TOTAL_LIMIT) -> None:
        self._recollect, self._limit = recollect, limit
        self._entries: dict[Place, Entries] = {}
        self._sums: dict[Place, Sums] = {}
        self._folded: dict[Place, tuple[int, Memory]] = {}

    def of(self, decoder: Remembering, record: RawRecord, lineage: Lineage) -> Recalled:
        """The memory before the record, and what of it later records need."""
        key = decoder.key(record)
        if key is None:
            return Recalled()
        place, offset = (key, lineage.partition), lineage.offset
        memory = self._before(decoder, place, offset)
        large = len(record.payload) > SIZE_LIMIT  # the decoder says so itself
        if not large and decoder.remember(memory, record) is memory:
            return Recalled(memory)
        refused = [] if large else self._full(place, offset, record)
        kept = _void(record) if large or refused else record
        if kept is not record and decoder.remember(memory, kept) is memory:
            return Recalled(memory, None, refused)
        self._keep(place, offset, kept)
        return Recalled(memory, Kept(key, kept), refused)

    def _full(self, place: Place, offset: int, record: RawRecord) -> list[Rejected]:
        every = ALL, place[1]
        for where, limit, whose in ((place, self._limit // SHARE, "a sender"), (every, self._limit, "a raw partition")):
            if self._sum(where).before(offset) + size(record) > limit:
                return [Rejected("open", "memory-full", f"of {whose} at most {limit} bytes are remembered")]
        return []

    def _keep(self, place: Place, offset: int, record: RawRecord) -> None:
        self._entries[place] = _inserted(self._entries[place], offset, record)
        for where in (place, (ALL, place[1])):
            self._sum(where).add(offset, size(record))

    def _sum(self, place: Place) -> Sums:
        if place not in self._sums:
            self._sums[place] = self._recollect.sums(*place)
        return self._sums[place]

    def _before(self, decoder: Remembering, place: Place, offset: int) -> Memory:
        if place not in self._entries:
            self._entries[place] = self._recollect.of(*place)
        entries = self._entries[place]
        since, memory = self._folded.get(place, (-1, NOTHING))
        if since > offset:
            since, memory = -1, NOTHING
        for _, earlier in entries[_at(entries, since) : _at(entries, offset)]:
            memory = decoder.remember(memory, earlier)
        self._folded[place] = offset, memory
        return memory


def portions(items: Sequence[T], decoders: Mapping[str, Decoder]) -> Iterator[Sequence[T]]:
    """What begins with a record each, in order, cut so that what it becomes is bounded as its bytes are; at least one part."""
    start = told = 0
    for place, item in enumerate(items):
        decoder = decoders.get(item[0].source)
        told += decoder is not None and remembers(decoder) and decoder.tells_of_others(item[0])
        if told == AT_ONCE:
            yield items[start : place + 1]
            start, told = place + 1, 0
    if start < len(items) or not items:
        yield items[start:]


def size(record: RawRecord) -> int:
    """Bytes that it takes in memory, as far as its sender decides; the same everywhere."""
    texts = (record.address, record.content_type, *record.headers, *record.headers.values())
    return OVERHEAD + len(record.payload) + sum(map(len, texts))


def _void(record: RawRecord) -> RawRecord:
    """In its place: it defines nothing."""
    return replace(record, headers={}, payload=b"")


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
