"""One partition of `raw` as a series of container files: blocks appended and synced, recovered, rotated."""

import time
from collections.abc import Sequence
from pathlib import Path

from connectors.sinks.archive import growing
from connectors.sinks.base import Record, Transient
from connectors.sinks.lost import Lost
from connectors.sinks.manifests import Closed, Content
from connectors.sinks.shelf import Shelf
from streams import archive
from streams.archive import Entry
from streams.core.times import SECOND


class Partition:
    """Written in the order of offsets; what is there already is skipped. Owns its directory until ``close``.

    ``committed``: the offset up to which records were committed. What a damaged file has lost of them has to come again.

    Raises (each method):
        OSError: the disk is away, full or read-only; what was durable before still is.
        Transient: another process holds the directory, or there is no memory to look through the growing file.
    """

    def __init__(self, root: Path, number: int, limit_bytes: int, limit_s: int, committed: int = 0) -> None:
        self._number, self._limit_bytes, self._limit_ns = number, limit_bytes, limit_s * SECOND
        self.directory = root / archive.directory(number)
        self._shelf = Shelf(self.directory, Closed(archive.SUFFIX, self._agrees, self._content))
        self._next = self._shelf.next_offset
        self._first = self._began = self._records = 0
        try:
            self._lost = Lost(self.directory)
            self._recover(committed)
        except BaseException:
            self._shelf.close()
            raise

    @property
    def stands(self) -> bool:
        """See Shelf."""
        return self._shelf.stands

    @property
    def entries(self) -> list[Entry]:
        """The closed files."""
        return self._shelf.entries

    @property
    def again(self) -> int | None:
        """From which offset records have to come again; None: nothing is lost."""
        return self._lost.again(self._next)

    def write(self, records: Sequence[Record]) -> int:
        """Append what is new as one block; return how many records that are."""
        fresh = [record for record in records if record.offset >= self._next]
        if not fresh:
            return 0
        if self._records and self._due(fresh[-1].timestamp):
            self._shut()
        if not self._records:
            self._first, self._began = fresh[0].offset, fresh[0].timestamp
            self._shelf.begin(archive.stem(self._number, self._first))
        header = b"" if self._records else growing.header(self._number, self._first)
        self._shelf.append(header + growing.block(self._number, self._first, fresh))
        self._records += len(fresh)
        self._next = fresh[-1].offset + 1
        self._lost.written(self._next)
        return len(fresh)

    def settle(self, still_s: float) -> None:
        """Close the growing file when its time is over and nothing has come for ``still_s``."""
        if self._records and self._shelf.still_s >= still_s and self._due(time.time_ns()):
            self._shut()

    def close(self) -> None:
        """Let go; the growing file stays open."""
        self._shelf.close()

    def _due(self, now: int) -> bool:
        return self._shelf.size >= self._limit_bytes or now - self._began >= self._limit_ns

    def _shut(self) -> None:
        last = self._next - 1
        name = archive.stem(self._number, self._first, last) + archive.SUFFIX
        self._shelf.shut(name, self._first, last, self._records)
        self._records = 0

    def _agrees(self, entry: Entry) -> bool:
        return entry.name == archive.stem(self._number, entry.first_offset, entry.last_offset) + archive.SUFFIX

    def _content(self, path: Path) -> Content | None:
        """What a closed file holds, if that is all that its name tells."""
        found = self._whole(path)
        if not (found.first and found.last) or found.size != path.stat().st_size:
            return None
        name = archive.stem(self._number, found.first.offset, found.last.offset) + archive.SUFFIX
        return Content(found.first.offset, found.last.offset, found.records) if path.name == name else None

    def _whole(self, path: Path) -> growing.Whole:
        try:
            return growing.whole(path, self._number)
        except MemoryError as error:
            raise Transient(f"no memory to read {path}") from error

    def _recover(self, committed: int) -> None:
        """Go on behind the last whole block; a tail that a crash tore was never committed and comes again."""
        path = self._shelf.growing
        if path is None:
            return
        found = self._whole(path)
        self._keep_aside(path, found, committed)
        self._shelf.begin(path.name.removesuffix(archive.OPEN), found.size)
        if found.first and found.last:
            self._first, self._began, self._next = found.first.offset, found.first.timestamp, found.last.offset + 1
            self._records = found.records
        else:
            self._shelf.discard()

    def _keep_aside(self, path: Path, found: growing.Whole, committed: int) -> None:
        """A file that ends too early, and does not end with a whole block, is no torn one: a block is torn before its commit."""
        following = found.last.offset + 1 if found.last else archive.first_offset(path.name)
        if following < committed and (found.last is None or path.stat().st_size > found.size):
            self._lost.put_aside(path, following, committed)
