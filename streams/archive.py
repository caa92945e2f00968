"""The raw archive: `raw` as Avro object container files, one directory per partition, readable by any Avro library.

`<archive>/raw-<partition>/raw-<partition>-<first offset>-<last offset>.avro`, with `manifest.ndjson` beside them (name,
offsets, number of records, bytes, sha256). The file that still grows is called `….open`. Written by the archive sink,
read here: what Kafka no longer has can be decoded again, and what is missing is named exactly.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from io import SEEK_END
from typing import Any, BinaryIO, cast

import fastavro
import fsspec  # type: ignore[import-untyped]  # it ships no types
import msgspec

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "ArchivedRecord",
        "namespace": "isthmus",
        "doc": "One record of the topic raw, as Kafka held it.",
        "fields": [
            {"name": "partition", "type": "int"},
            {"name": "offset", "type": "long"},
            {"name": "timestamp", "type": "long", "doc": "ns since the Unix epoch, when Kafka appended it"},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"], "doc": "RawRecord in Avro single-object encoding"},
        ],
    },
    _write_hint=False,
)
OPEN, SUFFIX, MANIFEST = ".open", ".avro", "manifest.ndjson"


class Archived(msgspec.Struct, frozen=True):
    """One record of `raw`."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Hole(msgspec.Struct, frozen=True):
    """Offsets ``first`` to ``last`` (both included) that the archive cannot give, and why."""

    partition: int
    first: int
    last: int
    why: str


class Entry(msgspec.Struct, frozen=True):
    """One closed file: which records it holds, and how to know that it is unharmed."""

    name: str
    first_offset: int
    last_offset: int
    records: int
    bytes: int
    sha256: str


def directory(partition: int) -> str:
    """The name of a partition's directory; its files begin with it too."""
    return f"raw-{partition}"


def stem(partition: int, *offsets: int) -> str:
    """The name of a file without its suffix; 12 digits, so that names sort as offsets do."""
    return "-".join([directory(partition), *(f"{offset:012}" for offset in offsets)])


def first_offset(name: str) -> int:
    """What a file's name tells."""
    return int(name.rpartition(".")[0].split("-")[2])


def marker(partition: int, first: int) -> bytes:
    """What each block of a file ends with, made from the file's name: the same block gives the same bytes."""
    return hashlib.md5(stem(partition, first).encode(), usedforsecurity=False).digest()


def read(url: str, partition: int, start: int, end: int) -> Iterator[Archived | Hole]:
    """The records of one partition from offset ``start`` up to ``end`` (excluded), in order, each once.

    ``url`` is a local directory or any fsspec URL. In the place of records that are missing or in a damaged file
    stands a ``Hole``; records and holes together cover every offset.

    Raises:
        OSError: the archive is away.
    """
    expected = start
    for file in _files_of(url, partition, start, end):
        for found in file.read(expected, end):
            yield found
            expected = (found.last if isinstance(found, Hole) else found.offset) + 1
    yield from _hole(partition, expected, end - 1, "not in the archive")


def gaps(url: str, partition: int, start: int, end: int) -> list[Hole]:
    """The holes that ``read`` would give. A file of the size and number of records that its manifest tells is not opened.

    Raises:
        OSError: the archive is away.
    """
    expected, found = start, list[Hole]()
    for file in _files_of(url, partition, start, end):
        if file.whole and file.last is not None:
            found += _hole(partition, expected, file.first - 1, "not in the archive")
            expected = max(expected, file.last + 1)
            continue
        for read_ in file.read(expected, end):
            found += [read_] if isinstance(read_, Hole) else []
            expected = (read_.last if isinstance(read_, Hole) else read_.offset) + 1
    found += _hole(partition, expected, end - 1, "not in the archive")
    return found


def contents(url: str, partition: int) -> Iterator[Archived | Hole]:
    """Everything that stands in the files of a partition, as it stands there, repeats too; a hole ends a damaged file.

    Raises:
        OSError: the archive is away.
    """
    for file in _files(url, partition):
        yield from file.content()


def begins(url: str, partition: int) -> int | None:
    """The first offset that the archive should hold, by the names of its files; None when there never were any.

    Where every file was taken away, it is the one behind the last that the manifest names.

    Raises:
        OSError: the archive is away.
    """
    filesystem, root = fsspec.core.url_to_fs(url)
    closed = (entry.last_offset + 1 for entry in _manifest(filesystem, f"{root}/{directory(partition)}"))
    return min((file.first for file in _files(url, partition)), default=max(closed, default=None))


def since(url: str, partition: int, moment: int) -> int:
    """An offset before which the archive holds no record that was appended at or after ``moment`` (ns); 0 when unknown.

    Raises:
        OSError: the archive is away.
    """
    files = _files(url, partition)
    earlier = bisect_left(files, moment, key=_File.begun)
    return files[earlier - 1].first if earlier else 0


def blocks(file: BinaryIO) -> Iterator[Any]:
    """The whole blocks of a container, each with ``num_records``, ``offset`` and ``size`` in bytes, and its records.

    Raises:
        Exception: of the decompressor's or reader's own kind, at the first byte that is torn or damaged.
    """
    return cast("Iterator[Any]", fastavro.block_reader(file))


class _File(msgspec.Struct, frozen=True):
    """A file of the archive; ``last`` is unknown while it grows."""

    filesystem: Any
    path: str
    partition: int
    first: int
    last: int | None
    sha256: str | None
    whole: bool
    """as long as the manifest says, and none of its offsets without a record"""

    def read(self, expected: int, end: int) -> Iterator[Archived | Hole]:
        """Its part of the offsets from ``expected`` up to ``end`` (excluded), with the holes before and within."""
        if self.last is not None and self.last < expected:
            return
        for found in self.content():
            if isinstance(found, Archived) and expected <= found.offset < end:
                yield from _hole(self.partition, expected, found.offset - 1, "not in the archive")
                yield found
                expected = found.offset + 1
            elif isinstance(found, Hole) and self.last is not None and expected < end:
                last = min(self.last, end - 1)
                yield from _hole(self.partition, expected, self.first - 1, "not in the archive")
                expected = max(expected, self.first)
                yield from _hole(self.partition, expected, last, found.why)
                expected = max(expected, last + 1)

    def begun(self) -> int:
        """When its first record was appended, ns; a file that does not say counts as the latest."""
        try:
            with self.filesystem.open(self.path, "rb") as file:
                return Archived(**next(iter(next(blocks(file))))).timestamp
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - each codec has its own kind of error for damaged bytes; StopIteration: empty
            return 1 << 63

    def content(self) -> Iterator[Archived | Hole]:
        """Its records, ended by a hole where it turns out to be damaged; a block that is not finished yet is no damage."""
        with self.filesystem.open(self.path, "rb") as file:
            if self.sha256 and hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                yield Hole(
                    self.partition, self.first, self.last or self.first, f"{self.path} does not match its sha256"
                )
                return
            finished, whole = _finished(file, marker(self.partition, self.first)), 0
            file.seek(0)
            try:
                for block in blocks(file):
                    yield from (Archived(**record) for record in block)
                    whole = block.offset + block.size
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - each codec has its own kind of error for damaged bytes
                if self.last is None and whole >= finished:
                    return
                why = f"{self.path} is damaged: {type(error).__name__}: {error}"
                yield Hole(self.partition, self.first, self.last or self.first, why)


def _finished(file: BinaryIO, end: bytes) -> int:
    """Up to where all blocks of a growing file must be whole: its size, or 0 when it does not end with the marker ``end``.

    Then a block is being written, or was when the writer was killed. What is committed and not there is missing anyway.
    """
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - len(end)))
    return size if file.read(len(end)) == end else 0


def _files_of(url: str, partition: int, start: int, end: int) -> Iterator[_File]:
    """Those that may hold some of the offsets, in order."""
    files = _files(url, partition)
    return (file for file in files if file.first < end and (file.last is None or file.last >= start))


def _files(url: str, partition: int) -> list[_File]:
    filesystem, root = fsspec.core.url_to_fs(url)
    folder = f"{root}/{directory(partition)}"
    if not filesystem.isdir(folder):
        return []
    entries = {entry.name: entry for entry in _manifest(filesystem, folder)}
    sizes = {info["name"].rpartition("/")[2]: info["size"] for info in filesystem.ls(folder, detail=True)}
    found = [_file(filesystem, folder, name, size, entries.get(name)) for name, size in sizes.items() if _is_ours(name)]
    return sorted(found, key=lambda file: file.first)


def _file(filesystem: Any, folder: str, name: str, size: int, entry: Entry | None) -> _File:
    partition, first, *rest = (int(number) for number in name.rpartition(".")[0].split("-")[1:])
    last = rest[0] if rest else None
    whole = entry is not None and last is not None and (entry.bytes, entry.records) == (size, last - first + 1)
    return _File(filesystem, f"{folder}/{name}", partition, first, last, entry.sha256 if entry else None, whole)


def _is_ours(name: str) -> bool:
    return name.startswith("raw-") and name.endswith((SUFFIX, OPEN))


def _manifest(filesystem: Any, folder: str) -> list[Entry]:
    path = f"{folder}/{MANIFEST}"
    return parse_manifest(filesystem.cat_file(path)) if filesystem.exists(path) else []


def parse_manifest(data: bytes) -> list[Entry]:
    """The entries of a manifest, oldest first.

    A line that a crash tore does not count, nor one that was written again because the first was not certain, nor what is
    damaged: its file is one that the manifest does not name.
    """
    entries = [entry for line in data.split(b"\n")[:-1] if (entry := parse_entry(line))]
    return sorted({entry.name: entry for entry in entries}.values(), key=lambda entry: entry.first_offset)


def parse_entry(line: bytes) -> Entry | None:
    """What a line of a manifest tells; None where it is damaged."""
    try:
        return msgspec.json.decode(line, type=Entry)
    except ValueError:
        return None


def _hole(partition: int, first: int, last: int, why: str) -> Iterator[Hole]:
    if first <= last:
        yield Hole(partition, first, last, why)
