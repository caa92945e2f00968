"""One partition of `raw` as a series of container files: blocks appended and synced, recovered, rotated."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from fastavro.schema import SchemaParseException
from fastavro.write import Writer
from msgspec import structs

from connectors.sinks.base import Record, Transient
from connectors.sinks.shelf import Shelf
from streams import archive
from streams.archive import Entry
from streams.core.times import SECOND

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Fields = dict[str, Any]
ONE_BLOCK = 1 << 40
"""bytes: the writer never begins a block by itself"""
TORN = (EOFError, ValueError, LookupError, SchemaParseException, zstd.ZstdError)
"""What reading a container raises where its bytes are torn or garbled. Not ``OSError`` and ``MemoryError``: they say nothing of
the bytes, and the same file may be read whole a moment later."""


class Partition:
    """Written in the order of offsets; what is there already is skipped. Owns its directory until ``close``.

    Raises (each method):
        OSError: the disk is away, full or read-only; what was durable before still is.
        Transient: another process holds the directory, or there is no memory to look through the growing file.
    """

    def __init__(self, root: Path, number: int, limit_bytes: int, limit_s: int) -> None:
        self._number, self._limit_bytes, self._limit_ns = number, limit_bytes, limit_s * SECOND
        self.directory = root / archive.directory(number)
        self._shelf = Shelf(self.directory)
        self._next = self._shelf.next_offset
        self._first = self._began = self._records = 0
        try:
            self._recover()
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
        header, block = _container(self._number, self._first, fresh)
        self._shelf.append(block if self._records else header + block)
        self._records += len(fresh)
        self._next = fresh[-1].offset + 1
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

    def _recover(self) -> None:
        """Go on behind the last whole block; a tail that a crash tore was never committed and comes again."""
        path = self._shelf.growing
        if path is None:
            return
        try:
            first, last, size, self._records = _whole_blocks(path)
        except MemoryError as error:
            raise Transient(f"no memory to read {path}") from error
        self._shelf.begin(path.name.removesuffix(archive.OPEN), size)
        if first and last:
            self._first, self._began, self._next = first["offset"], first["timestamp"], last["offset"] + 1
        else:
            self._shelf.discard()


def _container(number: int, first: int, records: Sequence[Record]) -> tuple[bytes, bytes]:
    """A container's header and one block."""
    marker = archive.marker(number, first)
    out = BytesIO()
    writer = Writer(out, archive.SCHEMA, codec="zstandard", sync_interval=ONE_BLOCK, sync_marker=marker)
    size = out.tell()
    for record in records:
        fields = structs.asdict(record)
        fields.pop("topic")
        writer.write(fields)
    writer.flush()
    data = out.getvalue()
    return data[:size], data[size:]


class _Bounded:
    """A file that is asked for no more than it has: torn bytes may tell any length, for which there would be no memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._size))

    def tell(self) -> int:
        return self._file.tell()


def _whole_blocks(path: Path) -> tuple[Fields | None, Fields | None, int, int]:
    """First and last record of the whole blocks, their size in bytes with the header, and the number of records.

    Raises:
        OSError, MemoryError: nothing is known of the file; what it holds may be committed.
    """
    first: list[Fields] = []
    block: Any = None
    size = count = 0
    with path.open("rb") as file, suppress(*TORN):
        for block in archive.blocks(cast("BinaryIO", _Bounded(file))):
            first = first or list(block)
            size, count = block.offset + block.size, count + block.num_records
    if not first:
        return None, None, 0, 0
    last = first if count == len(first) else list(block)  # a block can be read once
    return first[0], last[-1], size, count
