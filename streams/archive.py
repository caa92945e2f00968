"""The raw archive: `raw` as Avro object container files, one directory per partition, readable by any Avro library.

`<archive>/raw-<partition>/raw-<partition>-<first offset>-<last offset>.avro`, with `manifest.ndjson` beside them (name,
offsets, number of records, bytes, sha256). The file that still grows is called `….open`. Written by the archive sink,
read here: what Kafka no longer has can be decoded again, and what is missing is named exactly.
"""

import hashlib
from collections.abc import Iterator
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


def read(url: str, partition: int, start: int, end: int) -> Iterator[Archived | Hole]:
    """The records of one partition from offset ``start`` up to ``end`` (excluded), in order, each once.

    ``url`` is a local directory or any fsspec URL. In the place of records that are missing or in a damaged file
    stands a ``Hole``; records and holes together cover every offset.

    Raises:
        OSError: the archive is away.
    """
    expected = start
    for file in _files(url, partition):
        if file.last is not None and file.last < expected:
            continue
        if file.first >= end:
            break
        for found in file.content():
            if isinstance(found, Archived) and expected <= found.offset < end:
                yield from _hole(partition, expected, found.offset - 1, "not in the archive")
                yield found
                expected = found.offset + 1
            elif isinstance(found, Hole) and file.last is not None and expected < end:
                last = min(file.last, end - 1)
                yield from _hole(partition, expected, last, found.why)
                expected = max(expected, last + 1)
    yield from _hole(partition, expected, end - 1, "not in the archive")


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

    def content(self) -> Iterator[Archived | Hole]:
        """Its records, ended by a hole where it turns out to be damaged."""
        with self.filesystem.open(self.path, "rb") as file:
            if self.sha256 and hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                yield Hole(
                    self.partition, self.first, self.last or self.first, f"{self.path} does not match its sha256"
                )
                return
            file.seek(0)
            try:
                for block in blocks(file):
                    yield from (Archived(**record) for record in block)
            except Exception as error:  # noqa: BLE001 - each codec has its own kind of error for damaged bytes
                why = f"{self.path} is damaged: {type(error).__name__}: {error}"
                yield Hole(self.partition, self.first, self.last or self.first, why)


def _files(url: str, partition: int) -> list[_File]:
    filesystem, root = fsspec.core.url_to_fs(url)
    folder = f"{root}/{directory(partition)}"
    if not filesystem.isdir(folder):
        return []
    sums = {entry.name: entry.sha256 for entry in _manifest(filesystem, folder)}
    names = [path.rpartition("/")[2] for path in filesystem.ls(folder, detail=False)]
    found = [_file(filesystem, folder, partition, name, sums.get(name)) for name in names if _is_ours(name)]
    return sorted(found, key=lambda file: file.first)


def _file(filesystem: Any, folder: str, partition: int, name: str, sha256: str | None) -> _File:
    numbers = name.rpartition(".")[0].removeprefix(f"{directory(partition)}-").split("-")
    last = int(numbers[1]) if len(numbers) > 1 else None
    return _File(filesystem, f"{folder}/{name}", partition, int(numbers[0]), last, sha256)


def _is_ours(name: str) -> bool:
    return name.startswith("raw-") and name.endswith((SUFFIX, OPEN))


def _manifest(filesystem: Any, folder: str) -> list[Entry]:
    path = f"{folder}/{MANIFEST}"
    return parse_manifest(filesystem.cat_file(path)) if filesystem.exists(path) else []


def parse_manifest(data: bytes) -> list[Entry]:
    """The entries of a manifest, oldest first.

    A line that a crash tore does not count, nor one that was written again because the first was not certain.
    """
    entries = [msgspec.json.decode(line, type=Entry) for line in data.split(b"\n")[:-1]]
    return list({entry.name: entry for entry in entries}.values())


def _hole(partition: int, first: int, last: int, why: str) -> Iterator[Hole]:
    if first <= last:
        yield Hole(partition, first, last, why)
