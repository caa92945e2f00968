"""What the file sinks wrote against `readings`: segments, one file per message, device logs; both ways.

Each reading counts once, by its lineage: the first of its copies in the log.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.sinks import device_logs
from connectors.sinks.files import iota, segments
from connectors.sinks.lineages import lineage_of
from connectors.sinks.manifests import manifest
from connectors.verify.bounds import Bounds
from connectors.verify.presented import Mappings
from connectors.verify.tally import Tally
from streams.archive import MANIFEST, OPEN
from streams.core.records import Reading
from streams.settings import FilesSettings


class Line(Struct, frozen=True):
    """What tells lines of segments apart."""

    offset: int
    raw: tuple[int, int, int]
    l_uid: int


class FilesSide:
    """Segments and files of single messages. Without ``bounds.since``, what other programs took away is not missing."""

    def __init__(self, settings: FilesSettings, mappings: Callable[[], Mappings], bounds: Bounds) -> None:
        self._settings, self._read_mappings, self._bounds = settings, mappings, bounds
        self._segments, self._messages = Tally("files: segments"), Tally("files: messages")
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.executescript("CREATE TABLE seen (lineage TEXT PRIMARY KEY) WITHOUT ROWID; BEGIN;")
        self._root = settings.directory / segments.SEGMENTS
        self._taken = {p: _taken(self._root / segments.PARTITION.format(p)) for p in bounds.begins}

    def expect(self, partition: int, offset: int, reading: Reading) -> None:
        """A reading, in the order of its partition."""
        if lineage_of(reading) is None:
            return  # a dead letter of the sink
        lineage = _group((reading.raw_partition, reading.raw_offset, reading.index))
        if not self._is_news(lineage) or (self._settings.sources and reading.source not in self._settings.sources):
            return
        versions = list(self._mappings.presented(reading))
        lines = [{_key(lineage, m.logical_uid): segments.line(offset, m) for m in version} for version in versions]
        files = [{name: iota.content(m) for name, m in iota.named(version)} for version in versions]
        forgotten = self._mappings.forgotten(reading)
        may_lack = forgotten or self._may_lack(partition, offset)
        _expect(self._segments, lines, may_lack=may_lack)
        _expect(self._messages, files, may_lack=may_lack or self._bounds.since is None)
        if forgotten:
            self._segments.leave_open(lineage)
            self._messages.leave_open(iota.directory(reading))

    def find(self) -> None:
        """Look into every file."""
        if self._settings.layout != "iota":
            for partition, begin in self._bounds.begins.items():
                for path in _segments(self._root / segments.PARTITION.format(partition)):
                    self._find_lines(path, begin)
        if self._settings.layout != "segments":
            cut = any(self._bounds.begins.values())
            for name, content in _messages(self._settings.directory / iota.RAW_DATA):
                self._messages.find(name, content, name.partition("/")[0])
                if cut:  # it may be of a reading that Kafka no longer has
                    self._messages.leave_open(name.partition("/")[0])

    def tallies(self) -> list[Tally]:
        """The layouts that are written."""
        layout = self._settings.layout
        return [
            *([self._segments] if layout != "iota" else []),
            *([self._messages] if layout != "segments" else []),
        ]

    @cached_property
    def _mappings(self) -> Mappings:
        """Read after the files, so that it has every mapping that they know."""
        return self._read_mappings()

    def _is_news(self, lineage: str) -> bool:
        return self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (lineage,)).rowcount == 1

    def _may_lack(self, partition: int, offset: int) -> bool:
        first, taken = self._taken[partition]
        if not self._bounds.must(partition, offset, offset + 1 if first is None else first):
            return True
        return self._bounds.since is None and any(low <= offset <= high for low, high in taken)

    def _find_lines(self, path: Path, begin: int) -> None:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if path.suffix == OPEN and not text.endswith(b"\n"):
                    return  # it is being written, or was when the sink was killed; what is committed and not there is missing
                try:
                    line = msgspec.json.decode(text, type=Line)
                except msgspec.DecodeError:
                    self._segments.find(f"{path.name}, line {number}", text)
                    continue
                if line.offset >= begin:
                    group = _group(line.raw)
                    self._segments.find(_key(group, line.l_uid), text, group)


class DeviceLogsSide:
    """Device logs. Without ``bounds.since``, lines of a file that is not there are not missing."""

    def __init__(self, root: Path, bounds: Bounds) -> None:
        self._root, self._bounds = root, bounds
        self._tally = Tally("device logs")

    def expect(self, partition: int, offset: int, reading: Reading) -> None:
        """A reading, in the order of its partition."""
        for name, line in device_logs.lines(reading):
            taken = self._bounds.since is None and not (self._root / name).exists()
            may_lack = taken or not self._bounds.must(partition, offset)
            self._tally.expect(f"{name}: {line}", may_lack=may_lack)

    def find(self) -> None:
        """Look into every file."""
        cut = any(self._bounds.begins.values())
        for path in sorted(self._root.glob("*/*.log")):
            name = path.relative_to(self._root).as_posix()
            if cut:  # it may hold lines of readings that Kafka no longer has
                self._tally.leave_open(name)
            with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                for line in takewhile(_is_finished, file):
                    self._tally.find(f"{name}: {line.removesuffix(chr(10))}", group=name)

    def tallies(self) -> list[Tally]:
        """The one."""
        return [self._tally]


def _is_finished(line: str) -> bool:
    """A line that is being written, or was when the sink was killed, is there when it is committed."""
    return line.endswith("\n")


def _expect(tally: Tally, versions: Sequence[Mapping[str, bytes]], *, may_lack: bool) -> None:
    for version in versions:
        for key, content in version.items():
            absent = may_lack or not all(key in other for other in versions)
            tally.expect(key, content, may_lack=absent)


def _group(lineage: tuple[int, int, int]) -> str:
    partition, offset, index = lineage
    return f"raw {partition}, offset {offset}, index {index}"


def _key(group: str, logical_uid: int) -> str:
    return f"{group}, logical device {logical_uid}"


def _segments(directory: Path) -> list[Path]:
    found = (*directory.glob(f"*{segments.SUFFIX}"), *directory.glob(f"*{OPEN}"))
    return sorted(path for path in found if path.name != MANIFEST)


def _messages(root: Path) -> Iterator[tuple[str, bytes]]:
    for directory in root.iterdir() if root.is_dir() else ():
        for path in directory.glob("*.json"):
            yield f"{directory.name}/{path.name}", path.read_bytes()


def _taken(directory: Path) -> tuple[int | None, list[tuple[int, int]]]:
    """The first offset that the directory has known, and the stretches whose closed files are not there any more."""
    closed = manifest(directory)
    growing = (_first_offset(path) for path in directory.glob(f"*{OPEN}"))
    firsts = [*(entry.first_offset for entry in closed), *(first for first in growing if first is not None)]
    gone = [(e.first_offset, e.last_offset) for e in closed if not (directory / e.name).exists()]
    return min(firsts, default=None), gone


def _first_offset(path: Path) -> int | None:
    with path.open("rb") as file:
        try:
            return msgspec.json.decode(file.readline(), type=Line).offset
        except msgspec.DecodeError:
            return None
