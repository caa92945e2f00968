"""Several archives as one, and what can be said of them without reading them."""

from pathlib import Path

import pytest

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Record
from streams import archive
from streams.archive import Archived, Hole
from streams.core.times import SECOND
from streams.replay import shelves
from streams.settings import Settings


def fill(root: Path, *ranges: range) -> Path:
    """One closed file for each range of offsets of partition 2, appended a second after another; the last grows."""
    sink = ArchiveSink(Settings(files={"archive": str(root), "archive_file_s": 10**6}))
    for offsets in (*ranges, range(10**6, 10**6 + 1)):
        # The file that grows is closed by a record that comes much later.
        later = 10**7 * SECOND * (ranges.index(offsets) if offsets in ranges else len(ranges))
        sink.write([Record("raw", 2, o, b"k", b"v%d" % o, later + o * SECOND) for o in offsets])
    sink.close()
    return root


def holes(found: list[Archived | Hole]) -> list[tuple[int, int]]:
    return [(one.first, one.last) for one in found if isinstance(one, Hole)]


def test_what_the_first_has_not_comes_from_the_next(tmp_path: Path) -> None:
    urls = [str(fill(tmp_path / "a", range(10), range(20, 30))), str(fill(tmp_path / "b", range(8, 15)))]

    found = list(shelves.read(urls, 2, 0, 32))

    assert [one.offset for one in found if isinstance(one, Archived)] == [*range(15), *range(20, 30)]
    assert holes(found) == [(15, 19), (30, 31)]


@pytest.mark.parametrize("ends", [(0, 40), (5, 25), (12, 18), (12, 13), (0, 10), (29, 60)])
def test_gaps_are_the_holes_that_reading_finds(tmp_path: Path, ends: tuple[int, int]) -> None:
    urls = [str(fill(tmp_path / "a", range(10), range(20, 30))), str(fill(tmp_path / "b", range(8, 15)))]

    assert [(h.first, h.last) for h in shelves.gaps(urls, 2, *ends)] == holes(list(shelves.read(urls, 2, *ends)))


def test_a_hole_within_a_file_is_a_gap_and_a_shorter_file_is_read(tmp_path: Path) -> None:
    root = fill(tmp_path, range(10), range(20, 30))
    (file,) = root.glob("raw-2/raw-2-000000000020-*.avro")
    file.write_bytes(file.read_bytes()[:-20])

    assert [(h.first, h.last) for h in archive.gaps(str(root), 2, 0, 30)] == [(10, 19), (20, 29)]
    assert "does not match its sha256" in archive.gaps(str(root), 2, 20, 30)[0].why


def test_why_tells_of_both_archives(tmp_path: Path) -> None:
    root, copy = fill(tmp_path / "a", range(10)), tmp_path / "none"
    (file,) = root.glob("raw-2/raw-2-000000000000-*.avro")
    file.write_bytes(b"")

    ((hole,), urls) = list(shelves.read([str(root), str(copy)], 2, 0, 10)), None

    assert urls is None
    assert isinstance(hole, Hole)
    assert hole.why.endswith("does not match its sha256; copy: not in the archive")


@pytest.mark.parametrize(("moment", "offset"), [
    (0, 0), (1, 0), (9 * SECOND, 0), (10**7 * SECOND, 0), (10**7 * SECOND + 21 * SECOND, 20), (10**9 * SECOND, 10**6),
])  # fmt: skip
def test_since_skips_only_files_that_are_older(tmp_path: Path, moment: int, offset: int) -> None:
    root = fill(tmp_path, range(10), range(20, 30))

    assert archive.since(str(root), 2, moment) == offset


def test_a_file_that_cannot_be_read_is_not_skipped_over(tmp_path: Path) -> None:
    root = fill(tmp_path, range(10), range(20, 30))
    for file in root.glob("raw-2/raw-2-00000000002*.avro"):
        file.write_bytes(b"torn")

    assert archive.since(str(root), 2, 10**7 * SECOND + 5) == 0


def test_looks_in_the_named_archive_and_in_the_copy(tmp_path: Path) -> None:
    both = Settings(files={"archive": "here", "archive_copy": "s3://there"})

    assert shelves.urls(both, None) == ["here", "s3://there"]
    assert shelves.urls(both, "/mnt/old") == ["/mnt/old", "s3://there"]
    assert shelves.urls(Settings(files={"archive": "here"}), None) == ["here"]
