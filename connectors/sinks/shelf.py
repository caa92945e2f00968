"""One partition's files in one directory: closed ones that never change, and at most one that grows.

What ``append`` wrote survives a crash; a tail that a crash tore is the opener's to cut. A file is closed by an entry in
the manifest, then renamed; a crash in between is finished at the next start. One process at a time owns a directory:
a lock guards against a process that was frozen and comes back after its partition moved. A directory that somebody takes
away while it is owned is an error of each method; ``stands`` tells it from others, and whoever owns it opens it again.
"""

import fcntl
import os
import time
from io import FileIO
from pathlib import Path

from connectors.disk import in_place, sync, taken_away, write_whole
from connectors.sinks import manifests
from connectors.sinks.base import Transient
from streams.archive import MANIFEST, OPEN, Entry

LOCK = ".lock"
STILL_S = 60.0
"""a file is closed by the clock only when nothing has come for so long: a clock that is ahead would cut it all the time"""


class Shelf:
    """Owns ``directory`` until ``close``; a manifest that does not name all ``closed`` files is made anew.

    Raises (each method):
        OSError: the disk is away, full or read-only; what was durable before still is.
    """

    def __init__(self, directory: Path, closed: manifests.Closed | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._file: FileIO | None = None
        self.size = 0
        self._appended_at = time.monotonic()
        self._lock = _claim(directory / LOCK)
        try:
            self.entries = manifests.repaired(directory, closed) if closed else manifests.manifest(directory)
            self._finish_closing()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def growing(self) -> Path | None:
        """The file that grows, if there is one."""
        return next(iter(sorted(self._directory.glob(f"*{OPEN}"))), None)

    @property
    def stands(self) -> bool:
        """Whether lock and growing file are where they were opened: nobody removed, renamed or replaced them since."""
        file = self._file
        lock = in_place(self._lock, self._directory / LOCK)
        return lock and (file is None or in_place(file.fileno(), Path(file.name)))

    @property
    def next_offset(self) -> int:
        """The first offset that no closed file holds."""
        return self.entries[-1].last_offset + 1 if self.entries else 0

    @property
    def still_s(self) -> float:
        """For how long nothing has been appended, as far as this process knows."""
        return time.monotonic() - self._appended_at

    def begin(self, stem: str, size: int = 0) -> None:
        """Let the file ``stem`` grow from ``size`` bytes on; what is behind them is cut off."""
        path = self._directory / (stem + OPEN)
        # Without a buffer: what a full disk did not take must not be written later, behind our back.
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self.size = size
        self._cut()
        if size:  # a process that was killed may have written it and not synced; from here on it counts as durable
            os.fdatasync(self._file.fileno())
        sync(self._directory)

    def append(self, data: bytes) -> None:
        """Make ``data`` durable at the end of the growing file, or leave the file as it was."""
        file = self._growing()
        try:
            file.seek(self.size)
            write_whole(file, data)
            os.fdatasync(file.fileno())
            self._require_place()
        except OSError:
            self._cut()
            raise
        self.size += len(data)
        self._appended_at = time.monotonic()

    def shut(self, name: str, first: int, last: int, records: int) -> Entry:
        """Close the growing file under its final ``name``."""
        file = self._growing()
        self._require_place()
        path = Path(file.name)
        entry = manifests.entry_of(path, name, manifests.Content(first, last, records))
        manifests.append(self._directory, entry)
        self._rename(path, entry)
        file.close()
        self._file = None
        self.entries.append(entry)
        return entry

    def discard(self) -> None:
        """Remove the growing file, which holds nothing."""
        file = self._growing()
        Path(file.name).unlink(missing_ok=True)
        file.close()
        self._file = None

    def close(self) -> None:
        """Let go of the directory; the growing file stays as it is. Once."""
        if self._file:
            self._file.close()
        os.close(self._lock)

    def _growing(self) -> FileIO:
        if self._file is None:
            raise RuntimeError(f"no file grows in {self._directory}")
        return self._file

    def _require_place(self) -> None:
        if not self.stands:
            raise taken_away(Path(self._growing().name))

    def _cut(self) -> None:
        file = self._growing()
        if os.fstat(file.fileno()).st_size > self.size:
            file.truncate(self.size)  # not by its name, which another file may have by now

    def _finish_closing(self) -> None:
        path = self.growing
        last = self.entries[-1] if self.entries else None
        if path and last and self._is_of(path, last) and not (self._directory / last.name).exists():
            sync(self._directory / MANIFEST)  # who was killed may not have
            self._rename(path, last)

    def _is_of(self, path: Path, entry: Entry) -> bool:
        """Another one of the same size may grow, and the entry's own have been taken away."""
        return entry.name.startswith(path.name.removesuffix(OPEN)) and path.stat().st_size == entry.bytes

    def _rename(self, path: Path, entry: Entry) -> None:
        path.rename(self._directory / entry.name)
        sync(self._directory)


def _claim(path: Path) -> int:
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(number)
        raise Transient(f"another process holds {path.parent}") from error
    return number
