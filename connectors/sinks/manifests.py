"""The manifest of a directory of closed files: read, added to, and made anew from the files themselves where it is damaged.

A closed file that no line names is looked at, whole, before a line says again how to know that it is unharmed. One that
cannot be read to its end gets none: nobody vouches for it.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.disk import sync, write_anew
from connectors.sinks.lost import put_aside
from streams import log
from streams.archive import MANIFEST, Entry, parse_entry, parse_manifest
from streams.progress import HERE

logger = log.get(__name__)


class Content(Struct, frozen=True):
    """The offsets of the first and the last record of a closed file, and the number of its records."""

    first: int
    last: int
    records: int


class Closed(Struct, frozen=True):
    """How closed files are known: their ``suffix``, whether an entry can be of the file that it names, what a file holds.

    ``content``: None where it is damaged.
    """

    suffix: str
    agrees: Callable[[Entry], bool]
    content: Callable[[Path], Content | None]


def manifest(directory: Path) -> list[Entry]:
    """The closed files of a partition's directory, oldest first."""
    return parse_manifest(_content(directory))


def repaired(directory: Path, closed: Closed) -> list[Entry]:
    """The same; a manifest that is damaged, or lacks a file that is there, is put aside and made anew.

    Raises:
        OSError: the disk is away, full or read-only.
    """
    named = [entry for entry in manifest(directory) if closed.agrees(entry)]
    if _is_damaged(directory, len(named)):
        logger.error("manifest-damaged", path=str(directory / MANIFEST), put_aside=str(put_aside(directory / MANIFEST)))
        write_anew(directory / MANIFEST, (msgspec.json.encode(entry) + b"\n" for entry in named))
    names = {entry.name for entry in named} | {MANIFEST}
    for path in sorted(path for path in directory.glob(f"*{closed.suffix}") if path.name not in names):
        named += _named_again(path, closed)
        HERE.beat()
    return sorted(named, key=lambda entry: entry.first_offset)


def append(directory: Path, entry: Entry) -> None:
    """Add a line durably; a tail that a crash tore is cut off."""
    path = directory / MANIFEST
    with path.open("a+b") as file:
        file.seek(0)
        torn = len(file.read().rpartition(b"\n")[2])
        if torn:
            file.truncate(file.tell() - torn)
        file.write(msgspec.json.encode(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync(directory)


def entry_of(path: Path, name: str, content: Content) -> Entry:
    """The line of a file that is called ``name`` when it is closed."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(name, content.first, content.last, content.records, path.stat().st_size, digest)


def _named_again(path: Path, closed: Closed) -> list[Entry]:
    content = closed.content(path)
    if content is None:
        logger.error("closed-file-damaged", path=str(path), consequence="no line of the manifest names it")
        return []
    entry = entry_of(path, path.name, content)
    logger.error("manifest-lacked", path=str(path), consequence="it was read to its end, and is named again")
    append(path.parent, entry)
    return [entry]


def _is_damaged(directory: Path, entries: int) -> bool:
    """Whether a finished line tells nothing, or of another file; one of the same file twice is no damage."""
    lines = [parse_entry(line) for line in _content(directory).split(b"\n")[:-1]]
    return None in lines or len({line.name for line in lines if line}) != entries


def _content(directory: Path) -> bytes:
    path = directory / MANIFEST
    return path.read_bytes() if path.exists() else b""
