"""A correction as files: `<directory>/segments/generation-<number>/`, NDJSON like the segments beside it, and a manifest.

Segments are never edited: a line here replaces every earlier line's point of the same device, logical device, name and
time, in segments and in lower generations. `"correction"` says which it is: ``now`` holds points as they are now,
``withdrawn`` those that are gone, with null as value. The directory appears whole, by one rename.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import orjson
from msgspec import Struct

from connectors.disk import sync
from connectors.replays.corrected import Corrected
from connectors.sinks.files.message import body, iso
from connectors.sinks.outgoing import Message
from streams import log
from streams.core.replay_record import Replay

logger = log.get(__name__)

MANIFEST = "manifest.json"
LINES = 100_000
"""of one file"""


class File(Struct, frozen=True):
    """One file of a generation, and how to know that it is unharmed."""

    name: str
    lines: int
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a generation of files is. ``hidden``: corrected points that no logical device shows, so no line has them."""

    generation: int
    replay: int
    undo: bool
    mode: str
    why: str
    selection: dict[str, object]
    points: int
    withdrawn: int
    hidden: int
    files: list[File]


class Counted:
    """Lines on their way to files, counted."""

    def __init__(self, corrections: Iterable[Corrected]) -> None:
        self._corrections = corrections
        self.points = self.withdrawn = self.hidden = 0

    def lines(self) -> Iterator[bytes]:
        """A line for each logical device of each reading."""
        for one in self._corrections:
            self.hidden += one.hidden
            for message in one.messages:
                self.points += len(message.measurements)
                yield _line("now", message)
            for message in one.withdrawn:
                self.withdrawn += len(message.measurements)
                yield _line("withdrawn", message)


def directory_of(root: Path, generation: int) -> Path:
    """Where the files of a generation are."""
    return root / "segments" / f"generation-{generation}"


def write(root: Path, replay: Replay, generation: int, corrections: Iterable[Corrected]) -> Manifest:
    """Write the files; a generation that is there already is left as it is.

    Raises:
        OSError: the directory is away, full or read-only.
    """
    final = directory_of(root, generation)
    if final.is_dir():
        try:
            return msgspec.json.decode((final / MANIFEST).read_bytes(), type=Manifest)
        except (FileNotFoundError, ValueError) as fault:  # of bytes that are no UTF-8, too
            _put_aside(final, fault)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    counted = Counted(corrections)
    files = list(_files(partial, counted.lines()))
    manifest = _manifest(replay, generation, counted, files)
    _durable(partial / MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"])
    sync(partial)
    partial.rename(final)
    sync(final.parent)
    return manifest


def _put_aside(damaged: Path, fault: Exception) -> None:
    aside = damaged.with_name(f"{damaged.name}.damaged-{time.time_ns()}")
    damaged.rename(aside)
    logger.error("generation-damaged", path=str(damaged), put_aside=str(aside), fault=str(fault))


def _files(directory: Path, lines: Iterator[bytes]) -> Iterator[File]:
    number = 1
    while portion := list(islice(lines, LINES)):
        name = f"corrections-{number:06}.ndjson"
        size, digest = _durable(directory / name, portion)
        yield File(name, len(portion), size, digest)
        number += 1


def _durable(path: Path, parts: Iterable[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _manifest(replay: Replay, generation: int, counted: Counted, files: list[File]) -> Manifest:
    return Manifest(
        generation=generation,
        replay=replay.id,
        undo=generation == replay.undo_generation,
        mode=replay.mode,
        why=replay.why,
        selection=msgspec.json.decode(replay.selection),
        points=counted.points,
        withdrawn=counted.withdrawn,
        hidden=counted.hidden,
        files=files,
    )


def _line(correction: str, message: Message) -> bytes:
    reading = message.reading
    head = {
        "correction": correction,
        "id": reading.id,
        "device": reading.device,
        "source": reading.source,
        "received_at": iso(reading.received_at) if reading.received_at else None,
        "raw": [reading.raw_partition, reading.raw_offset],
        "generation": reading.generation,
    }
    return orjson.dumps(head | body(message), option=orjson.OPT_APPEND_NEWLINE)
