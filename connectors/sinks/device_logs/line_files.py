"""Text files that only grow, line by line, and hold each line once.

What decides is the content, not where a record stood: a crash between writing and committing, redelivery, a sender that
repeats itself, sinks that read from the beginning again, all leave the files as they are. A line that a crash tore is
cut off before the next one is written.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from io import FileIO
from itertools import count
from pathlib import Path

from msgspec import Struct

from connectors.disk import in_place, sync, taken_away, write_whole
from connectors.sinks.device_logs.known_lines import KnownLines
from streams.progress import HERE

KNOWN_FILES, KNOWN_LINES = 20_000, 5_000_000
"""so many are remembered, a line in 40 bytes of disk; a file that was forgotten is read again when it is written to"""
PIECE_BYTES = 65_536
"""so much is read at a time: garbage may be one line without end"""


class _Known(Struct, frozen=True):
    """The lines of a file up to ``size`` are known by ``number``; all of them are durable, and the file's name is."""

    number: int
    size: int
    lines: int


class LineFiles:
    """Files below ``directory``, by relative name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, _Known] = {}
        self._numbers = count()
        self._begin_anew()

    def append(self, wanted: Mapping[str, Iterable[str]]) -> int:
        """Make these lines durable, each in its file; return how many were new.

        Raises:
            OSError: the directory is away, full or read-only; the same call again completes it.
        """
        try:
            return sum(self._append(name, lines) for name, lines in wanted.items())
        except BaseException:
            self._begin_anew()  # what is known is certain of files only that are as they were
            raise

    def _begin_anew(self) -> None:
        self._known.clear()
        self._lines, self._count = KnownLines(), 0

    def _append(self, name: str, lines: Iterable[str]) -> int:
        path = self._directory / name
        if not path.exists():
            self._forget(name)
            path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer: what the disk did not take must not be written later, behind our back.
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # against a process that was frozen and comes back
            known = self._look(name, file)
            fresh = {d: line for line in lines if not self._lines.has(known.number, d := _digest(line.encode()))}
            if fresh:
                _write(path, file, "".join(f"{line}\n" for line in fresh.values()).encode())
                self._lines.add(known.number, fresh)
                self._remember(name, _Known(known.number, file.tell(), known.lines + len(fresh)))
        return len(fresh)

    def _look(self, name: str, file: FileIO) -> _Known:
        """What the file holds now; it may have been taken away, or another process have written to it.

        That process may have been killed before it synced what it wrote, or the name of a file that it made.
        """
        known = self._known.get(name)
        if known is None or known.size != os.fstat(file.fileno()).st_size:
            self._forget(name)
            known = self._read(file)
            os.fdatasync(file.fileno())
            sync((self._directory / name).parent)
            sync(self._directory)
            self._remember(name, known)
        return known

    def _read(self, file: FileIO) -> _Known:
        """The whole lines; what a crash left behind the last of them is cut off."""
        number = next(self._numbers)
        whole = _Whole(file)
        lines = self._lines.add(number, whole)
        file.truncate(whole.size)
        return _Known(number, whole.size, lines)

    def _remember(self, name: str, known: _Known) -> None:
        before = self._known.pop(name, None)
        self._known[name] = known
        self._count += known.lines - (before.lines if before else 0)
        while len(self._known) > 1 and (self._count > KNOWN_LINES or len(self._known) > KNOWN_FILES):
            self._forget(next(iter(self._known)))

    def _forget(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known:
            self._count -= known.lines
            self._lines.forget(known.number)


class _Whole:
    """Digests of a file's whole lines, read piece by piece; ``size`` of them in bytes, once they are read."""

    def __init__(self, file: FileIO) -> None:
        self._file, self.size = file, 0

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        line, length = blake2b(digest_size=16), 0
        with open(self._file.fileno(), "rb", closefd=False) as buffered:
            while piece := buffered.readline(PIECE_BYTES):
                line.update(piece.removesuffix(b"\n"))
                length += len(piece)
                if piece.endswith(b"\n"):
                    yield line.digest()
                    self.size += length
                    HERE.beat()
                    line, length = blake2b(digest_size=16), 0


def _write(path: Path, file: FileIO, data: bytes) -> None:
    """Durable at the end of the file, or the file is as it was: a system that failed to sync says yes the next time."""
    size = file.seek(0, os.SEEK_END)
    try:
        write_whole(file, data)
        os.fdatasync(file.fileno())
        if not in_place(file.fileno(), path):
            raise taken_away(path)
    except OSError:
        file.truncate(size)
        raise


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()
