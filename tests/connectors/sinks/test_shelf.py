"""What a full disk did not take is not in the file, now or later; what is found there is synced before it counts."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.sinks.shelf import Shelf
from streams.archive import MANIFEST
from tests.connectors.sinks.making import synced_files


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


def test_what_a_killed_process_may_not_have_synced_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.open").write_bytes(b"whole\ntorn")
    shelf, synced = Shelf(tmp_path), synced_files(monkeypatch)

    shelf.begin("a", len(b"whole\n"))

    assert (tmp_path / "a.open") in synced
    assert (tmp_path / "a.open").read_bytes() == b"whole\n"
    shelf.close()


def test_a_manifest_that_a_killed_process_may_not_have_synced_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path)
    shelf.begin("a")
    shelf.append(b"first\n")
    shelf.shut("a.avro", 0, 0, 1)
    shelf.close()
    (tmp_path / "a.avro").rename(tmp_path / "a.open")  # it was killed before that
    synced = synced_files(monkeypatch)

    Shelf(tmp_path).close()

    assert tmp_path / MANIFEST in synced
    assert (tmp_path / "a.avro").read_bytes() == b"first\n"


def test_a_file_is_not_taken_for_another_of_its_size_that_was_taken_away(tmp_path: Path) -> None:
    """It got that one's name, and what was not committed came into a second file."""
    shelf = Shelf(tmp_path)
    shelf.begin("a")
    shelf.append(b"first\n")
    shelf.shut("a.ndjson", 0, 0, 1)
    shelf.begin("b")
    shelf.append(b"later\n")
    shelf.close()
    (tmp_path / "a.ndjson").unlink()

    Shelf(tmp_path).close()

    assert [path.name for path in sorted(tmp_path.glob("[ab]*"))] == ["b.open"]
