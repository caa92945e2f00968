"""Text files that only grow, line by line, and hold each line once.

What decides is the content, not where a record stood: a crash between writing and committing, redelivery, a sender that
repeats itself, sinks that read from the beginning again, all leave the files as they are. A line that a crash tore is
cut off before the next one is written.
"""

import fcntl
import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from io import FileIO
from pathlib import Path

from msgspec import Struct

from connectors.disk import in_place, sync, taken_away, write_whole

KNOWN_LINES = 500_000
"""lines that are remembered over all files; a file that was forgotten is read again when it is written to"""


class _Known(Struct):
    """The lines of a file up to ``size``, as digests; all of them are durable, and the file's name is."""

    size: int
    lines: set[bytes]


class LineFiles:
    """Files below ``directory``, by relative name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, _Known] = {}
        self._count = 0

    def append(self, wanted: Mapping[str, Iterable[str]]) -> int:
        """Make these lines durable, each in its file; return how many were new.

        Raises:
            OSError: the directory is away, full or read-only; the same call again completes it.
        """
        return sum(self._append(name, lines) for name, lines in wanted.items())

    def _append(self, name: str, lines: Iterable[str]) -> int:
        path = self._directory / name
        if not path.exists():
            self._forget(name)
            path.parent.mkdir(parents=True, exist_ok=True)
        # Without a buffer: what the disk did not take must not be written later, behind our back.
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # against a process that was frozen and comes back
            known = self._lines(name, file)
            fresh = {digest: line for line in lines if (digest := _digest(line.encode())) not in known.lines}
            if fresh:
                self._forget(name)  # known again when it is durable
                _write(path, file, "".join(f"{line}\n" for line in fresh.values()).encode())
                known.lines.update(fresh)
                self._remember(name, _Known(file.tell(), known.lines))
        return len(fresh)

    def _lines(self, name: str, file: FileIO) -> _Known:
        """What the file holds now; it may have been taken away, or another process have written to it.

        That process may have been killed before it synced what it wrote, or the name of a file that it made.
        """
        known = self._known.get(name)
        if known is None or known.size != os.fstat(file.fileno()).st_size:
            known = _read(file)
            os.fdatasync(file.fileno())
            sync((self._directory / name).parent)
            sync(self._directory)
            self._remember(name, known)
        return known

    def _remember(self, name: str, known: _Known) -> None:
        self._forget(name)
        self._known[name] = known
        self._count += len(known.lines)
        while self._count > KNOWN_LINES and len(self._known) > 1:
            self._forget(next(iter(self._known)))

    def _forget(self, name: str) -> None:
        if name in self._known:
            self._count -= len(self._known.pop(name).lines)


def _read(file: FileIO) -> _Known:
    """The whole lines; what a crash left behind the last of them is cut off."""
    file.seek(0)
    size, lines = 0, set()
    with open(file.fileno(), "rb", closefd=False) as buffered:
        for line in buffered:
            if line.endswith(b"\n"):
                size += len(line)
                lines.add(_digest(line.removesuffix(b"\n")))
    file.truncate(size)
    return _Known(size, lines)


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
