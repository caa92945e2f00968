"""The log files of a stack: one per process, appended to by the process itself, so that no writer stands between."""

import contextlib
import errno
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROTATE_BYTES = 10_000_000
KEEP = 3
POLL_S = 0.3


def file(directory: Path, name: str) -> Path:
    """Where process ``name`` of the stack in ``directory`` logs."""
    return directory / "logs" / f"{name}.log"


def names(directory: Path) -> list[str]:
    """Processes that have a log."""
    return sorted(path.stem for path in (directory / "logs").glob("*.log"))


def rotate(log: Path) -> None:
    """Keep the last few: `x.log` → `x.log.1` → … The process has the file open for appending, so it is copied and cut.

    A disk that has no room for the copy leaves all as it is; only the oldest, which is to go anyway, makes room.
    """
    with contextlib.suppress(OSError):
        if log.is_file() and log.stat().st_size >= ROTATE_BYTES:
            _numbered(log, KEEP).unlink(missing_ok=True)
            _copy(log, _numbered(log, 0))
            for number in range(KEEP - 1, -1, -1):
                if _numbered(log, number).exists():
                    _numbered(log, number).replace(_numbered(log, number + 1))
            with log.open("r+b") as content:
                content.truncate(0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _copy(log: Path, target: Path) -> None:
    """Whole or not at all: what others need of a full disk is not taken by half a copy.

    Raises:
        OSError: there is no room.
    """
    if shutil.disk_usage(log.parent).free < log.stat().st_size:
        raise OSError(errno.ENOSPC, "no room for a copy", str(log))
    try:
        shutil.copyfile(log, target)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; nothing when there is none."""
    if not log.is_file():
        return []
    with log.open("rb") as content:
        size = content.seek(0, 2)
        content.seek(max(0, size - lines * 400))
        return content.read().decode("utf-8", "replace").splitlines()[-lines:]


def follow(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Each new line with its process's name, for ever; a log that was cut is read from its beginning."""
    positions = {path: path.stat().st_size if path.exists() else 0 for path in files}
    while True:
        fresh = False
        for path in files:
            lines, positions[path] = _since(path, positions[path])
            fresh |= bool(lines)
            yield from ((path.stem, line) for line in lines)
        if not fresh:
            time.sleep(POLL_S)


def _since(log: Path, position: int) -> tuple[list[str], int]:
    if not log.is_file():
        return [], 0
    with log.open("rb") as content:
        if content.seek(0, 2) < position:
            position = 0
        content.seek(position)
        whole, end, _ = content.read().rpartition(b"\n")
    return whole.decode("utf-8", "replace").splitlines(), position + len(whole) + len(end)
