"""Files of lines, plain or compressed: read by what they begin with, written whole or not at all, for their owner only."""

import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
LEVEL = 9
PRIVATE = 0o600


class Unreadable(Exception):
    """The file is missing, or cannot be unpacked to its end; the message names it."""


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """The unpacked content.

    Raises:
        Unreadable: at any time until it is closed.
    """
    try:
        with path.open("rb") as file, _unpacked(file) as content:
            yield content
    except (EOFError, zlib.error, zstd.ZstdError, gzip.BadGzipFile) as error:
        raise Unreadable(f"{path} cannot be unpacked to its end: it is cut or broken ({error})") from None
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from None


def is_packed(path: Path) -> bool:
    """Whether the file is compressed, so that places in it cannot be gone to."""
    with path.open("rb") as file:
        return file.read(4).startswith((ZSTD, GZIP))


def write(path: Path, lines: Iterable[bytes]) -> None:
    """Write a new file that its owner alone can read, compressed as its name says (.zst, .gz); it appears when it is whole.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it cannot be written.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            with _packed(file, path.suffix) as packed:
                packed.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # unlike a rename it never replaces a file that came meanwhile
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _unpacked(file: BinaryIO) -> Iterator[BinaryIO]:
    start = file.read(4)
    file.seek(0)
    if start.startswith(ZSTD):
        with zstd.ZstdFile(file) as content:
            yield cast("BinaryIO", content)
    elif start.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as content:
            yield cast("BinaryIO", content)
    else:
        yield file


@contextmanager
def _packed(file: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    if suffix == ".zst":
        with zstd.ZstdFile(file, "w", level=LEVEL) as packed:
            yield cast("BinaryIO", packed)
    elif suffix == ".gz":
        with gzip.GzipFile("", "wb", LEVEL, fileobj=file) as packed:
            yield cast("BinaryIO", packed)
    else:
        yield file
