"""A manifest that is damaged is made anew from the files themselves; nobody vouches for a file that is damaged, too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.sinks.files.segments import Segments
from connectors.sinks.manifests import manifest
from streams.archive import MANIFEST
from streams.core.times import SECOND
from tests.connectors.sinks.making import NOON
from tests.connectors.sinks.test_archive import offsets, raw, read, sink
from tests.connectors.sinks.test_segments import HOUR, item, lines

Spoil = Callable[[Path], object]


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])


def garbled(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"name"', b'"na\xffe"', 1))


def filled_with_zeros(path: Path) -> None:
    path.write_bytes(b"\0" * 400 + b"\n")


ways = pytest.mark.parametrize("spoil", [emptied, cut, garbled, filled_with_zeros, Path.unlink])


@ways
def test_the_archive_names_its_files_again(tmp_path: Path, spoil: Spoil) -> None:
    writer = sink(tmp_path)
    for start in (0, 200, 400):
        writer.write([raw(offset) for offset in range(start, start + 9)])
    writer.close()
    directory = tmp_path / "raw-2"
    before = manifest(directory)
    spoil(directory / MANIFEST)

    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 409})
    assert manifest(directory) == before
    writer.write([raw(offset) for offset in range(400, 412)])
    writer.write([raw(600)])
    writer.close()

    assert [entry.last_offset for entry in manifest(directory)] == [8, 208, 411]
    assert offsets(read(tmp_path, 400, 412)) == list(range(400, 412))


def test_an_entry_that_does_not_agree_with_the_name_of_its_file_is_made_anew(tmp_path: Path) -> None:
    """Taken for right it let the sink skip what came before the offset that it told."""
    writer = sink(tmp_path)
    writer.write([raw(offset) for offset in range(9)])
    writer.settle()
    writer.close()
    path = tmp_path / "raw-2" / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"last_offset":8', b'"last_offset":9'))

    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 9})
    writer.write([raw(9), raw(10)])
    writer.close()

    assert offsets(read(tmp_path, 0, 11)) == list(range(11))


def test_a_segment_that_its_entry_makes_longer_than_it_is_is_named_anew(tmp_path: Path) -> None:
    """What came next was skipped, and committed."""
    segments = Segments(tmp_path, HOUR)
    segments.write([item(offset, NOON + offset * HOUR * SECOND // 2) for offset in range(2)])
    segments.write([item(2, NOON + HOUR * SECOND)])
    segments.close()
    for growing in tmp_path.glob("segments/readings-0/*.open"):
        growing.unlink()
    path = tmp_path / "segments" / "readings-0" / MANIFEST
    before = manifest(path.parent)
    path.write_bytes(path.read_bytes().replace(b'"last_offset":1', b'"last_offset":9'))

    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 2})
    segments.write([item(offset, NOON + offset * HOUR * SECOND // 2) for offset in range(2, 12)])
    segments.close()

    assert lines(tmp_path) == list(range(12))
    assert manifest(path.parent)[0] == before[0]


def test_nobody_vouches_for_a_closed_file_that_is_damaged_too(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    for start in (0, 200, 400):
        writer.write([raw(offset) for offset in range(start, start + 9)])
    writer.close()
    damaged, whole = sorted(tmp_path.glob("raw-2/*.avro"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:500] + b"damage" + content[506:])
    (tmp_path / "raw-2" / MANIFEST).unlink()

    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 409})
    writer.close()

    assert [entry.name for entry in manifest(tmp_path / "raw-2")] == [whole.name]
    assert damaged.read_bytes() == content[:500] + b"damage" + content[506:]
    assert offsets(read(tmp_path, 0, 9)) == [(0, 8)]


@ways
def test_segments_are_named_again_and_no_line_comes_twice(tmp_path: Path, spoil: Spoil) -> None:
    segments = Segments(tmp_path, HOUR)
    items = [item(offset, NOON + offset * HOUR * SECOND // 3) for offset in range(10)]
    segments.write(items)
    segments.close()
    directory = tmp_path / "segments" / "readings-0"
    before = manifest(directory)
    spoil(directory / MANIFEST)

    segments = Segments(tmp_path, HOUR)
    segments.write(items[5:])  # what was not committed comes again
    segments.close()

    assert manifest(directory) == before
    assert lines(tmp_path) == list(range(10))
