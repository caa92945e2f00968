"""NDJSON segments: `<directory>/segments/readings-<partition>/<hour>-<first offset>.ndjson`, with a manifest.

A segment holds the messages of the records that Kafka appended in one stretch of time, in the order of the partition.
Its name and content follow from offsets alone: redelivered records that a closed segment holds are skipped, and a
segment in progress (`….open`) is cut back to the committed offset before it grows again.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson

from connectors.sinks.base import Again, ReadAgain, Record
from connectors.sinks.files import kept
from connectors.sinks.files.kept import Kept
from connectors.sinks.files.message import body, iso
from connectors.sinks.lineages import Lineages
from connectors.sinks.lost import Lost
from connectors.sinks.manifests import Closed, Content
from connectors.sinks.outgoing import Message
from connectors.sinks.shelf import STILL_S, Shelf
from streams.archive import OPEN, Entry
from streams.core.times import SECOND

SEGMENTS, PARTITION, SUFFIX = "segments", "readings-{}", ".ndjson"
END = 1 << 63
"""Behind every offset."""
LATE_S = 60
"""an idle segment is closed so long after its time is over"""


class Segments:
    """The segments of the partitions that this process writes.

    ``length_s``: how long a stretch of time is. ``still_s``: how long nothing has come to a segment that ``settle`` closes.
    """

    def __init__(self, directory: Path, length_s: int, *, still_s: float = STILL_S) -> None:
        self._directory, self._length, self._still_s = directory / SEGMENTS, length_s * SECOND, still_s
        self._owned: dict[int, _Partition] = {}

    def take_over(self, positions: Mapping[int, int]) -> None:
        """These partitions are written from now on, from the offset given, which is committed.

        Raises:
            OSError, Transient: as ``write`` does, which takes over what is not taken over yet.
        """
        for number, first in positions.items():
            if (self._directory / PARTITION.format(number)).is_dir():
                self._partition(number, first)

    def again(self) -> dict[int, Again]:
        """What damaged segments have lost of what was committed: from where it is read again."""
        found = {number: partition.again() for number, partition in self._owned.items()}
        return {number: again for number, again in found.items() if again}

    def is_again(self, record: Record) -> bool:
        """Whether it comes only because a damaged segment has lost it."""
        partition = self._owned.get(record.partition)
        return partition is not None and record.offset < partition.until

    def write(self, batch: Sequence[tuple[Record, Sequence[Message]]]) -> int:
        """Make the messages of each record durable; return how many lines were written.

        Raises:
            OSError: the directory is away, full or read-only.
            Transient: another process still holds the partition.
            ReadAgain: a segment has lost what was committed, and what comes is behind it.
        """
        by_partition: dict[int, list[tuple[Record, Sequence[Message]]]] = {}
        for record, messages in batch:
            by_partition.setdefault(record.partition, []).append((record, messages))
        with self._letting_go():
            return sum(self._at(number, items[0][0].offset).write(items) for number, items in by_partition.items())

    def settle(self) -> None:
        """Close the segments whose time is over."""
        with self._letting_go():
            for partition in self._owned.values():
                if partition.still_s >= self._still_s:
                    partition.settle(time.time_ns() - LATE_S * SECOND)

    def release(self, numbers: Collection[int]) -> None:
        """Let go of partitions; their segments in progress stay open."""
        for number in self._owned.keys() & set(numbers):
            self._owned.pop(number).close()

    def close(self) -> None:
        """Let go of every partition; safe to call twice."""
        self.release(list(self._owned))

    @contextmanager
    def _letting_go(self) -> Iterator[None]:
        """What somebody took away is not owned any more after the error: the next write takes it over as after a start."""
        try:
            yield
        except OSError:
            self.release([number for number, partition in self._owned.items() if not partition.stands])
            raise

    def _at(self, number: int, offset: int) -> "_Partition":
        """To write what comes at ``offset``. Who takes it over only now, and finds a loss, has been given its place already."""
        known = number in self._owned
        partition = self._partition(number, offset)
        if not known and (again := partition.again()) and again.offset < offset:
            self.release([number])
            raise ReadAgain(
                f"a segment of readings {number} is damaged: the log has to be read from {again.offset} again"
            )
        return partition

    def _partition(self, number: int, first: int) -> "_Partition":
        if number not in self._owned:
            self._owned[number] = _Partition(self._directory / PARTITION.format(number), self._length, first)
        return self._owned[number]


def line(offset: int, message: Message) -> bytes:
    """The line of a message whose reading stood at ``offset`` of its partition of `readings`."""
    reading = message.reading
    head = {
        "offset": offset,
        "id": reading.id,
        "device": reading.device,
        "source": reading.source,
        "received_at": iso(reading.received_at),
        "raw": [reading.raw_partition, reading.raw_offset, reading.index],
        "generation": reading.generation,
    }
    return orjson.dumps(head | body(message), option=orjson.OPT_APPEND_NEWLINE)


class _Partition:
    """One partition's segments. ``first``: the first offset that comes now; what is open keeps what is before it."""

    def __init__(self, directory: Path, length: int, first: int) -> None:
        self._shelf, self._length = Shelf(directory, _closed(directory, first)), length
        self._next = self._shelf.next_offset
        self._stem, self._stretch = "", -1
        self._first = self._last = self._lines = 0
        self._lineages = Lineages()
        try:
            self._lost = Lost(directory)
            self._recover(first)
        except BaseException:
            self._shelf.close()
            raise

    def write(self, items: Sequence[tuple[Record, Sequence[Message]]]) -> int:
        """Append what is new; close the segment whenever time has moved on."""
        written, waiting = 0, list[tuple[int, bytes]]()
        for record, messages in items:
            if record.offset < self._next:
                continue
            if record.timestamp // self._length > self._stretch >= 0:
                written += self._append(waiting)
                self._shut()
                waiting = []
            if messages and self._stretch < 0:
                self._begin(record)
            waiting += [(record.offset, line(record.offset, message)) for message in messages]
        written += self._append(waiting)
        if items:
            self._lost.written(items[-1][0].offset + 1)
        return written

    def again(self) -> Again | None:
        """From where records have to come again, and what is known of them."""
        offset = self._lost.again(self._next)
        return None if offset is None else Again(offset, self._lineages)

    @property
    def until(self) -> int:
        """What is lost is before this offset."""
        return self._lost.stretch.until

    @property
    def stands(self) -> bool:
        """See Shelf."""
        return self._shelf.stands

    @property
    def still_s(self) -> float:
        """See Shelf."""
        return self._shelf.still_s

    def settle(self, now: int) -> None:
        """Close the segment if its stretch of time ended before ``now``."""
        if self._stretch >= 0 and now >= (self._stretch + 1) * self._length:
            self._shut()

    def close(self) -> None:
        """Let go; the segment in progress stays open."""
        self._shelf.close()

    def _begin(self, record: Record) -> None:
        stretch = record.timestamp // self._length
        self._stem = f"{_stamp(stretch * self._length)}-{record.offset:012}"
        self._shelf.begin(self._stem)
        self._stretch, self._lines = stretch, 0

    def _append(self, waiting: list[tuple[int, bytes]]) -> int:
        if not waiting:
            return 0
        self._shelf.append(b"".join(data for _, data in waiting))
        if not self._lines:
            self._first = waiting[0][0]
        self._last = waiting[-1][0]
        self._lines += len(waiting)
        self._next = self._last + 1
        return len(waiting)

    def _shut(self) -> None:
        if self._lines:
            self._shelf.shut(f"{self._stem}{SUFFIX}", self._first, self._last, self._lines)
        else:
            self._shelf.discard()
        self._stretch = -1

    def _recover(self, first: int) -> None:
        path = self._shelf.growing
        if path is None:
            return
        self._stem = path.name.removesuffix(OPEN)
        self._stretch = _time(self._stem.partition("-")[0]) // self._length
        found = kept.read(path, first)
        self._keep_aside(path, found, first)
        self._shelf.begin(self._stem, found.size)
        if found.lines:
            self._first, self._last, self._lines = found.first, found.last, found.lines
            self._next = self._last + 1
        else:
            self._shut()

    def _keep_aside(self, path: Path, found: Kept, first: int) -> None:
        begins = int(self._stem.rpartition("-")[2])
        if found.damaged or (not found.lines and begins < first):
            self._lost.put_aside(path, found.last + 1 if found.lines else begins, first)
        if self._lost.stretch.until:
            closed = [there for entry in self._shelf.entries if (there := path.with_name(entry.name)).exists()]
            for last in closed[-1:]:
                self._lineages = kept.read(last, first).lineages
            self._lineages = self._lineages | found.lineages


def _closed(directory: Path, committed: int) -> Closed:
    return Closed(SUFFIX, partial(_agrees, directory, committed), _content)


def _agrees(directory: Path, committed: int, entry: Entry) -> bool:
    """Names tell the first offset. A last one that was not committed, as after a kill, would let what comes be skipped."""
    if not entry.name.endswith(f"-{entry.first_offset:012}{SUFFIX}"):
        return False
    path = directory / entry.name
    if entry.last_offset < committed or not path.exists():
        return True
    return _content(path) == Content(entry.first_offset, entry.last_offset, entry.records)


def _content(path: Path) -> Content | None:
    """What a closed segment holds, if all of its lines can be read."""
    found = kept.read(path, END)
    return Content(found.first, found.last, found.lines) if found.lines and found.size == path.stat().st_size else None


def _stamp(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // SECOND, UTC):%Y%m%dT%H%M%SZ}"


def _time(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").timestamp()) * SECOND
