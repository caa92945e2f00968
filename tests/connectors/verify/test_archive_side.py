"""The archive is compared record by record, as its files stand there."""

from pathlib import Path

import pytest

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Record
from connectors.verify import archive_side
from connectors.verify.bounds import Bounds
from connectors.verify.compare import Difference
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
    url = kept(tmp_path, RAW)
    (path,) = (tmp_path / "raw-0").glob("*.open")
    path.write_bytes(path.read_bytes()[:-20])

    assert figures(compared(url, {0: 0})) == (6, 6, 1, 0)


def test_an_archive_that_begins_later_is_compared_from_there(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[3:])

    assert figures(compared(url)) == (3, 0, 0, 0)
    assert figures(compared(url, {0: 2})) == (4, 1, 0, 0)


def test_what_kafka_no_longer_has_may_be_there(tmp_path: Path) -> None:
    assert figures(compared(kept(tmp_path, RAW), begins=4)) == (2, 0, 0, 0)


def test_what_the_sink_has_not_committed_may_lack(tmp_path: Path) -> None:
    url = kept(tmp_path, RAW[:4])

    assert figures(compared(url, {0: 0}, until=4)) == (4, 0, 0, 0)
    assert figures(compared(url, {0: 0}, until=5)) == (5, 1, 0, 0)
