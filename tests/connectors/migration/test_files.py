"""Files of snapshots and dumps."""

import gzip
from pathlib import Path

import pytest

from connectors.migration import files

LINES = [b"one\n", b"two\n"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.jsonl.gz"])
def test_what_was_written_is_read_and_only_its_owner_may(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    files.write(path, LINES)

    with files.reading(path) as content:
        assert list(content) == LINES
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert files.is_packed(path) == (name != "a.jsonl")


def test_a_file_is_never_replaced_and_a_failure_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"old")

    def failing() -> "list[bytes]":
        raise LookupError

    with pytest.raises(FileExistsError):
        files.write(path, LINES)
    with pytest.raises(LookupError):
        files.write(tmp_path / "b.jsonl", (line for line in failing()))

    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["a.zst", "a.gz"])
def test_a_cut_file_is_said_to_be_cut(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    files.write(path, [b"x" * 50 + bytes([n % 251]) for n in range(2000)])
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(files.Unreadable, match="cannot be unpacked to its end"), files.reading(path) as content:
        content.read()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(files.Unreadable, match=r"none\.gz: No such file or directory"),
        files.reading(tmp_path / "none.gz"),
    ):
        pass


def test_gzip_of_others_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))

    with files.reading(path) as content:
        assert list(content) == LINES
