"""What a full disk did not take is not in the file, now or later."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.sinks.shelf import Shelf


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file may become larger: a write that would is cut short, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_refused_append_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.begin("a")
    shelf.append(b"first\n")

    with full_at(4096), pytest.raises(OSError, match="too large"):
        shelf.append(b"x" * 5000 + b"\n")

    assert (tmp_path / "a.open").read_bytes() == b"first\n"
    shelf.append(b"second\n")
    shelf.close()
    assert (tmp_path / "a.open").read_bytes() == b"first\nsecond\n"


def test_a_refused_append_leaves_nothing_to_the_close(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.begin("a")
    with full_at(4096), pytest.raises(OSError, match="too large"):
        shelf.append(b"x" * 5000)
    shelf.close()

    assert (tmp_path / "a.open").read_bytes() == b""
    Shelf(tmp_path).close()
