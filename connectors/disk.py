"""What is written is durable, whole, where its name says, or an error."""

import errno
import os
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


def in_place(number: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``. Who cannot say it is: opened again, the disk tells what is wrong."""
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:
        return False


def taken_away(path: Path) -> OSError:
    """What is written to an open file that was removed or renamed is synced like any other, and is nowhere."""
    return OSError(errno.ESTALE, "was taken away while it was in use", str(path))
