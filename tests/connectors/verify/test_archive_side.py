"""The archive is compared record by record, as its files stand there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from msgspec import structs

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Record
from connectors.verify import archive_side, files
from connectors.verify.bounds import Bounds
from connectors.verify.compare import Difference
from streams import archive
from streams.archive import Archived
from streams.settings import Settings

RAW = [Archived(0, offset, 7, b"key", b"value %d" % offset) for offset in range(6)]


def kept(root: Path, *batches: list[Archived]) -> str:
    sink = ArchiveSink(Settings(files={"archive": str(root), "archive_file_s": 100}))
    for batch in batches:
        sink.write([Record("raw", r.partition, r.offset, r.key, r.value, r.timestamp) for r in batch])
    sink.close()
    return str(root)


def compared(url: str, since: dict[int, int] | None = None, begins: int = 0, until: int = 6) -> Difference:
    return archive_side.compare(url, RAW[begins:], Bounds({0: begins}, since, {0: until}))


def figures(found: Difference) -> tuple[int, int, int, int]:
    return found.expected, found.missing, found.extra, found.wrong


def test_the_whole_log_is_there(tmp_path: Path) -> None:
    assert figures(compared(kept(tmp_path, RAW[:4], RAW[4:]), {0: 0})) == (6, 0, 0, 0)


@pytest.mark.parametrize(
    ("held", "difference"),
    [
        (RAW[:3] + RAW[4:], (6, 1, 0, 0)),
        ([*RAW[:5], Archived(0, 5, 7, b"key", b"another")], (6, 0, 0, 1)),
        ([*RAW, Archived(0, 6, 7, None, None)], (6, 0, 1, 0)),
        (RAW[:5], (6, 1, 0, 0)),
    ],
    ids=["removed", "changed", "extra", "end"],
)
def test_it_sees(tmp_path: Path, held: list[Archived], difference: tuple[int, int, int, int]) -> None:
    assert figures(compared(kept(tmp_path, held), {0: 0})) == difference


def test_it_sees_a_block_that_stands_there_twice(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[:4], RAW[4:])
    (path,) = (tmp_path / "raw-0").glob("*.open")
    whole = path.read_bytes()
    first = whole.index(marker := whole[-16:]) + 16
    end = whole.index(marker, first) + 16
    path.write_bytes(whole[:end] + whole[first:end] + whole[end:])

    assert figures(compared(url, {0: 0})) == (6, 0, 4, 0)


def test_it_sees_a_damaged_file(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[:4], RAW[4:])
    (path,) = (tmp_path / "raw-0").glob("*.open")
    whole = path.read_bytes()
    first = whole.index(whole[-16:]) + 16  # of the blocks
    path.write_bytes(whole[:first] + b"\xff" * 9 + whole[first + 9 :])

    assert figures(compared(url, {0: 0})) == (6, 6, 1, 0)


def test_a_block_that_is_just_being_written_is_neither_damage_nor_extra(tmp_path: Path) -> None:
    """Nothing of it is committed; what a killed sink left behind the whole blocks is cut off when it starts again."""
    url = kept(tmp_path, RAW[:4])
    (path,) = (tmp_path / "raw-0").glob("*.open")
    whole, blocks = path.stat().st_size, kept(tmp_path, RAW[4:])
    after = path.read_bytes()
    assert blocks == url

    for size in range(len(after)):
        path.write_bytes(after[:size])
        committed = 4 if size >= whole else 0
        assert figures(compared(url, {0: 0}, until=committed)) == (committed, 0, 0, 0)
        assert figures(compared(url, {0: 0}))[2:] == (0, 0)


@pytest.mark.parametrize("tail", [b"\x14", b"\x14\x80", b"\0" * 40, b"torn"])
def test_a_tail_that_a_crash_tore_is_neither_damage_nor_extra(tmp_path: Path, tail: bytes) -> None:
    url = kept(tmp_path, RAW)
    (path,) = (tmp_path / "raw-0").glob("*.open")
    with path.open("ab") as file:
        file.write(tail)

    assert figures(compared(url, {0: 0})) == (6, 0, 0, 0)


def test_a_block_that_was_begun_after_the_file_was_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = kept(tmp_path, RAW)
    (path,) = (tmp_path / "raw-0").glob("*.open")
    blocks = archive.blocks

    def growing(file: BinaryIO) -> Iterator[Any]:
        with path.open("ab") as more:
            more.write(b"\x14\x80")
        yield from blocks(file)

    monkeypatch.setattr(archive, "blocks", growing)

    assert figures(compared(url, {0: 0})) == (6, 0, 0, 0)


def test_a_closed_file_has_no_tail(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[:3], [structs.replace(r, timestamp=101 * 10**9) for r in RAW[3:]])
    (closed,) = (tmp_path / "raw-0").glob("*.avro")
    closed.write_bytes(closed.read_bytes()[:-20])
    (tmp_path / "raw-0" / archive.MANIFEST).unlink()

    assert figures(compared(url, {0: 0}, until=3)) == (3, 3, 1, 3)


def test_an_archive_that_begins_later_is_compared_from_there(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[3:])

    assert figures(compared(url)) == (3, 0, 0, 0)
    assert figures(compared(url, {0: 2})) == (4, 1, 0, 0)


def test_an_archive_that_was_wiped_is_missing_all_that_was_committed(tmp_path: Path) -> None:
    for url in (str(tmp_path), str(tmp_path / "nowhere")):
        found = compared(url, until=4)

        assert figures(found) == (4, 4, 0, 0)
        assert found.examples[0] == "holds nothing of raw 0, though 4 record(s) of it were committed"


@pytest.mark.parametrize(("committed", "tables"), [({0: 4}, ["archive"]), ({0: 0}, []), ({}, [])])
def test_the_directory_of_a_wiped_archive_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: dict[int, int], tables: list[str]
) -> None:
    monkeypatch.setattr(files, "_bounds", lambda *_: Bounds({0: 0}, None, committed))
    monkeypatch.setattr(files, "_raw", lambda _: iter(RAW))
    monkeypatch.setattr(files, "_of_readings", lambda *_: [])

    found = files.compare(Settings(files={"archive": str(tmp_path / "nowhere")})).differences

    assert [(difference.table, difference.equal) for difference in found] == [(table, False) for table in tables]


def test_an_archive_that_was_wiped_when_kafka_no_longer_had_its_records_is_missing_them(tmp_path: Path) -> None:
    found = compared(str(tmp_path), begins=4, until=4)

    assert figures(found) == (1, 1, 0, 0)
    assert found.examples == (
        "holds nothing of raw 0, though 4 record(s) of it were committed",
        "missing raw 0, everything in front of offset 4, which Kafka no longer has",
    )


def test_an_archive_that_has_committed_nothing_may_be_empty(tmp_path: Path) -> None:
    assert compared(str(tmp_path), until=0) == Difference("archive", 0, 0, 0, 0, ())


def test_files_that_an_operator_took_away_are_in_the_manifest_and_not_missing(tmp_path: Path) -> None:
    kept(tmp_path, RAW[:3], [structs.replace(r, timestamp=101 * 10**9) for r in RAW[3:]])
    (closed,) = (tmp_path / "raw-0").glob("*.avro")
    (growing,) = (tmp_path / "raw-0").glob("*.open")
    closed.unlink()
    growing.unlink()

    assert figures(compared(str(tmp_path), until=3)) == (0, 0, 0, 0)
    assert figures(compared(str(tmp_path))) == (3, 3, 0, 0)


def test_what_kafka_no_longer_has_may_be_there(tmp_path: Path) -> None:
    assert figures(compared(kept(tmp_path, RAW), begins=4)) == (2, 0, 0, 0)


def test_what_the_sink_has_not_committed_may_lack(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[:4])

    assert figures(compared(url, {0: 0}, until=4)) == (4, 0, 0, 0)
    assert figures(compared(url, {0: 0}, until=5)) == (5, 1, 0, 0)
