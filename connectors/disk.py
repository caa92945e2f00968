"""What is written is durable, whole, where its name says, or an error."""

import errno
import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path


def sync(path: Path) -> None:
    """Make durable what a file holds; of a directory, the names that were created or changed in it.

    A renamed file is durable only once its directory is.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_whole(file: FileIO, data: bytes) -> None:
    """Write all of it, which the system may take in parts.

    Raises:
        OSError: the disk is away or full; some of it may have been written.
    """
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def write_anew(path: Path, parts: Iterable[bytes], mode: int | None = None) -> None:
    """Give a file this content, durable under its name all at once: who is killed meanwhile leaves what was there.

    What a full disk did not take whole takes no space on it.

    Raises:
        OSError: the disk is away, full or read-only.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        _write_durably(beside, parts, mode)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    beside.rename(path)
    sync(path.parent)


def _write_durably(path: Path, parts: Iterable[bytes], mode: int | None) -> None:
    with path.open("wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def in_place(number: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``. Who cannot say it is: opened again, the disk tells what is wrong."""
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:
        return False


def taken_away(path: Path) -> OSError:
    """What is written to an open file that was removed or renamed is synced like any other, and is nowhere."""
    return OSError(errno.ESTALE, "was taken away while it was in use", str(path))
