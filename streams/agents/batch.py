"""Batches of one partition's records: what is handed out next, and what may be committed."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from streams import progress
from streams.progress import Work

if TYPE_CHECKING:
    from faust.types import TP


class Consumed(Protocol):
    """A record as aiokafka delivers it; ``timestamp`` is in ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def portions(records: Sequence[Consumed], most: int, most_bytes: int) -> Iterator[Sequence[Consumed]]:
    """The records in their order, cut where ``most`` of them, or ``most_bytes`` of their values, would be passed.

    A record that has more goes alone.
    """
    start = size = 0
    for place, record in enumerate(records):
        length = len(record.value or b"")
        if place > start and (place - start >= most or size + length > most_bytes):
            yield records[start:place]
            start, size = place, 0
        size += length
    if records:
        yield records[start:]


class Batch:
    """Consecutive records of one partition. ``done()`` alone lets the offset move past them."""

    __slots__ = ("_abandoned", "first", "is_done", "last", "records", "tp")

    def __init__(self, tp: TP, records: Sequence[Consumed]) -> None:
        self.tp, self.records = tp, records
        self.first, self.last = records[0].offset, records[-1].offset
        self.is_done = False
        self._abandoned = asyncio.Event()

    def done(self) -> None:
        """All that follows from the records is durable. The records are let go: the batch waits for its commit."""
        self.is_done, self.records = True, ()
        progress.HERE.handled(self.tp.topic, self.tp.partition, self.last + 1)

    @property
    def abandoned(self) -> bool:
        """Whether the partition is being taken away or the process ends: do not try again, somebody will."""
        return self._abandoned.is_set()

    def abandon(self) -> None:
        """Wake whoever waits before trying again."""
        self._abandoned.set()

    async def pause(self, seconds: float) -> None:
        """Wait before another attempt; returns early when the batch is abandoned."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._abandoned.wait(), seconds)

    def __len__(self) -> int:
        return len(self.records)


class InFlight:
    """Per partition the batches handed out and not yet committed, in the order of the log."""

    def __init__(self) -> None:
        self._batches: defaultdict[TP, deque[Batch]] = defaultdict(deque)

    def add(self, batch: Batch) -> None:
        """Remember a batch before it is delivered."""
        self._batches[batch.tp].append(batch)

    def partitions(self) -> list[TP]:
        """The partitions that may have something to commit."""
        return [tp for tp, batches in self._batches.items() if batches]

    def work(self, tp: TP) -> Work:
        """For the watchdog: the first batch has to be done, and its offset taken. Asked from any thread."""
        try:
            first = self._batches[tp][0].first if tp in self._batches else None
        except IndexError:
            first = None
        return Work((first, progress.HERE.beats), left=first is not None)

    def take_done(self, tp: TP) -> int | None:
        """The offset after the contiguous done prefix, which is forgotten; None when its first batch is not done."""
        batches, offset = self._batches[tp], None
        while batches and batches[0].is_done:
            offset = batches.popleft().last + 1
        return offset

    def abandon(self) -> None:
        """Tell every holder of a batch not to try again."""
        for tp in self._batches:
            self._abandon(tp)

    def forget(self, tps: Iterable[TP]) -> None:
        """These partitions are read again from their committed offset: a late ``done()`` must not count."""
        for tp in tps:
            self._abandon(tp)
            self._batches.pop(tp, None)

    def clear(self) -> None:
        """Forget all partitions."""
        self.forget(list(self._batches))

    def _abandon(self, tp: TP) -> None:
        for batch in self._batches[tp]:
            batch.abandon()


class Positions:
    """Per partition the offset that has to be handed out next, so that nothing is handed out twice or left out."""

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}

    def begin(self, offsets: Mapping[TP, int]) -> None:
        """Forget all and go on from here."""
        self._next = dict(offsets)

    def skipped_from(self, tp: TP, records: Sequence[Consumed]) -> int | None:
        """The first offset that was left out when the records start too late; None when they do not."""
        expected = self._next.get(tp, records[0].offset)
        return expected if records[0].offset > expected else None

    def new(self, tp: TP, records: Sequence[Consumed]) -> Sequence[Consumed]:
        """The records that have not been handed out."""
        expected = self._next.get(tp, records[0].offset)
        return records if records[0].offset >= expected else [r for r in records if r.offset >= expected]

    def advance(self, batch: Batch) -> None:
        """The batch is handed out."""
        self._next[batch.tp] = batch.last + 1
