"""What is written is durable, whole, or an error."""

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
