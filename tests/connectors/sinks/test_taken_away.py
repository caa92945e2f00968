"""Files that are taken away under a sink that runs: what it was about to commit is written again, once; it goes on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Transient
from connectors.sinks.device_logs import DeviceLogsSink
from connectors.sinks.device_logs.line_files import LineFiles
from connectors.sinks.files.iota import IotaLayout
from connectors.sinks.files.segments import Segments
from connectors.sinks.shelf import Shelf
from streams.core.times import SECOND
from streams.settings import Settings
from tests.connectors.sinks.making import NOON, message, record
from tests.connectors.sinks.test_archive import offsets, raw, read, sink
from tests.connectors.sinks.test_device_logs import logged, stored
from tests.connectors.sinks.test_segments import HOUR, item, lines

TakeAway = Callable[[Path], object]


def remove_growing(root: Path) -> None:
    for path in root.rglob("*.open"):
        path.unlink()


def rotate(root: Path) -> None:
    for path in root.rglob("*.open"):
        path.rename(path.with_name(f"{path.name}.1"))


def move_directory(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def replace_directory(root: Path) -> None:
    shutil.move(root, root.with_name("elsewhere"))
    shutil.copytree(root.with_name("elsewhere"), root)


ways = pytest.mark.parametrize("take_away", [shutil.rmtree, remove_growing, rotate, move_directory])


@ways
def test_the_archive_goes_on_behind_what_was_taken_away(tmp_path: Path, take_away: TakeAway) -> None:
    root = tmp_path / "archive"
    writer = sink(root)
    writer.write([raw(0), raw(1)])
    take_away(root)

    with pytest.raises(Transient, match="taken away"):
        writer.write([raw(2), raw(3)])
    writer.write([raw(2), raw(3)])
    writer.write([raw(4)])
    assert offsets(read(root, 0, 5)) == [(0, 1), 2, 3, 4]

    writer.write([raw(104)])  # its time is over
    writer.close()
    assert [path.name for path in (root / "raw-2").glob("*.avro")] == ["raw-2-000000000002-000000000004.avro"]


def test_what_was_renamed_keeps_nothing_of_the_batch_that_is_written_again(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    writer.write([raw(0), raw(1)])
    (growing,) = tmp_path.rglob("*.open")
    before = growing.read_bytes()
    rotate(tmp_path)

    with pytest.raises(Transient, match="taken away"):
        writer.write([raw(2)])
    writer.close()

    (renamed,) = tmp_path.rglob("*.open.1")
    assert renamed.read_bytes() == before


@ways
@pytest.mark.parametrize("shut", [lambda writer: writer.write([raw(200)]), ArchiveSink.settle], ids=["write", "settle"])
def test_an_archive_file_whose_time_is_over_may_have_been_taken_away(
    tmp_path: Path, take_away: TakeAway, shut: Callable[[ArchiveSink], object]
) -> None:
    root = tmp_path / "archive"
    writer = sink(root)
    writer.write([raw(0), raw(1)])
    take_away(root)

    with pytest.raises(Transient, match="taken away"):
        shut(writer)
    writer.settle()
    writer.write([raw(200)])
    writer.close()

    assert offsets(read(root, 200, 201)) == [200]
    assert [path.name for path in (root / "raw-2").glob("raw-*")].count("raw-2-000000000200.open") == 1


def test_a_directory_that_was_taken_away_before_anything_grew_is_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    writer = sink(root)
    writer.write([raw(0)])
    writer.settle()  # closed; nothing grows
    shutil.rmtree(root)

    with pytest.raises(Transient):
        writer.write([raw(200)])
    writer.write([raw(200)])
    writer.close()

    assert offsets(read(root, 0, 201)) == [(0, 199), 200]


def test_a_directory_that_somebody_put_in_the_place_of_another_is_recovered(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    writer = sink(root)
    writer.write([raw(0), raw(1)])
    replace_directory(root)

    with pytest.raises(Transient, match="taken away"):
        writer.write([raw(2)])
    writer.write([raw(2)])
    writer.close()

    assert offsets(read(root, 0, 3)) == [0, 1, 2]


def test_only_what_was_taken_away_is_begun_anew(tmp_path: Path) -> None:
    writer = ArchiveSink(Settings(files={"archive": str(tmp_path)}))
    batches = [[raw(offset), record(b"", offset, topic="raw")] for offset in range(2)]
    writer.write(batches[0])
    shutil.rmtree(tmp_path / "raw-2")

    with pytest.raises(Transient, match="taken away"):
        writer.write(batches[1])
    writer.write(batches[1])
    writer.close()

    assert offsets(read(tmp_path, 0, 2)) == [(0, 0), 1]
    assert sorted(path.name for path in (tmp_path / "raw-0").glob("raw-*")) == ["raw-0-000000000000.open"]


@ways
def test_segments_go_on_behind_what_was_taken_away(tmp_path: Path, take_away: TakeAway) -> None:
    root = tmp_path / "files"
    segments = Segments(root, HOUR)
    segments.write([item(0), item(1)])
    take_away(root)

    with pytest.raises(OSError, match="taken away"):
        segments.write([item(2), item(3)])
    segments.write([item(2), item(3)])
    segments.write([item(4, NOON + HOUR * SECOND)])
    segments.close()

    assert lines(root) == [2, 3, 4]


@ways
@pytest.mark.parametrize("shut", [lambda segments: segments.write([item(1)]), Segments.settle], ids=["write", "settle"])
def test_a_segment_whose_time_is_over_may_have_been_taken_away(
    tmp_path: Path, take_away: TakeAway, shut: Callable[[Segments], object]
) -> None:
    root = tmp_path / "files"
    segments = Segments(root, HOUR, still_s=0)
    segments.write([item(0, NOON - HOUR * SECOND * 9000)])
    take_away(root)

    with pytest.raises(OSError, match="taken away"):
        shut(segments)
    segments.settle()
    segments.write([item(1)])
    segments.close()

    assert lines(root) == [1]


def test_an_empty_file_that_was_taken_away_is_no_fault(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.begin("a")
    (tmp_path / "a.open").unlink()

    shelf.discard()

    shelf.begin("b")
    shelf.append(b"one\n")
    shelf.close()
    assert (tmp_path / "b.open").read_bytes() == b"one\n"


@pytest.mark.parametrize("take_away", [shutil.rmtree, rotate, move_directory])
def test_messages_go_on_behind_what_was_taken_away(tmp_path: Path, take_away: TakeAway) -> None:
    root = tmp_path / "files"
    iota = IotaLayout(root, permissive=True)
    iota.write([[message(cid="c0")]])
    take_away(root)

    iota.write([[message(cid="c1")]])
    iota.close()

    assert (root / "raw_data" / "c1" / "c1.json").exists()


@pytest.mark.parametrize("renamed", [False, True])
def test_a_log_file_that_is_taken_away_while_it_is_written_to_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renamed: bool
) -> None:
    files, path = LineFiles(tmp_path), tmp_path / "a" / "b.log"
    files.append({"a/b.log": ["one"]})
    fdatasync, moved = os.fdatasync, tmp_path / "b.log.1"

    def take_away(number: int) -> None:
        fdatasync(number)
        path.rename(moved)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", take_away)
        with pytest.raises(OSError, match="taken away"):
            files.append({"a/b.log": ["two"]})
    if not renamed:
        moved.unlink()
    files.append({"a/b.log": ["two"]})

    assert stored(tmp_path) == {"a/b.log": "two\n"} | ({"b.log.1": "one\n"} if renamed else {})


def test_device_logs_go_on_behind_what_was_taken_away(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    sink = DeviceLogsSink(Settings(files={"device_logs": str(root)}))
    sink.write([record(logged("A", "INFO one"))])
    shutil.rmtree(root)

    sink.write([record(logged("A", "INFO two"))])

    assert stored(root) == {
        "A/2026-11-02.log": 'time="2026-11-02T12:00:00Z" logger="A" level="INFO" message="two"\n',
    }
