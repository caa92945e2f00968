"""What stands in a growing archive file: blocks as they are written, and how many of them are whole."""

import os
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from fastavro import schemaless_writer
from fastavro.write import Writer
from msgspec import Struct, structs

from connectors.sinks.base import Record
from streams import archive
from streams.archive import Archived

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"Obj\x01"
CHECKED: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
"""A flipped bit in a frame without a checksum may decompress to other bytes."""


class Whole(Struct, frozen=True):
    """The whole blocks: their size in bytes with the header, first and last record, the number of records."""

    size: int = 0
    first: Archived | None = None
    last: Archived | None = None
    records: int = 0


def header(number: int, first: int) -> bytes:
    """What the file of partition ``number`` that starts with offset ``first`` begins with."""
    out = BytesIO()
    Writer(out, archive.SCHEMA, codec="zstandard", sync_marker=archive.marker(number, first))
    return out.getvalue()


def block(number: int, first: int, records: Sequence[Record]) -> bytes:
    """One block of that file."""
    out = BytesIO()
    for record in records:
        fields = structs.asdict(record)
        fields.pop("topic")
        schemaless_writer(out, archive.SCHEMA, fields)
    data = zstd.compress(out.getvalue(), options=CHECKED)
    return _long(len(records)) + _long(len(data)) + data + archive.marker(number, first)


def whole(path: Path, number: int) -> Whole:
    """The blocks of a file up to the first that is torn, damaged, or cannot be partition ``number``'s next.

    Raises:
        OSError, MemoryError: nothing is known of the file; what it holds may be committed.
    """
    found = Whole()
    with path.open("rb") as file:
        try:
            for size, records in _blocks(file):
                first = found.first or records[0]
                if not _follow(records, number, found.last.offset if found.last else first.offset - 1):
                    break
                found = Whole(size, first, records[-1], found.records + len(records))
        except (OSError, MemoryError):  # they say nothing of the bytes: the same file may be read whole a moment later
            raise
        except Exception:  # noqa: BLE001, S110 - what torn and garbled bytes raise is the decompressor's and the reader's choice
            pass
    return found


def _blocks(file: BinaryIO) -> Iterator[tuple[int, list[Archived]]]:
    """Each block's records, and where it ends."""
    if file.read(len(MAGIC)) != MAGIC:  # our reader would not mind, others do
        return
    file.seek(0)
    for found in archive.blocks(cast("BinaryIO", _Bounded(file))):
        yield found.offset + found.size, [Archived(**record) for record in found]


def _follow(records: Sequence[Archived], number: int, before: int) -> bool:
    for record in records:
        if record.partition != number or record.offset <= before:
            return False
        before = record.offset
    return True


class _Bounded:
    """A file that is asked for no more than it has: torn bytes may tell any length, for which there would be no memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._size))

    def tell(self) -> int:
        return self._file.tell()


def _long(number: int) -> bytes:
    """Avro's long, of what is not negative."""
    rest, out = number << 1, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])
