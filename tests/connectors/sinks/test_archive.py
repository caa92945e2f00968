import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import fastavro
import fsspec  # type: ignore[import-untyped]  # it ships no types
import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from connectors.sinks.archive import ArchiveSink, copies
from connectors.sinks.base import Record, Transient
from streams import archive, progress
from streams.archive import Archived, Hole
from streams.core.times import SECOND
from streams.settings import Settings


def sink(root: Path, **options: object) -> ArchiveSink:
    return ArchiveSink(Settings(files={"archive": str(root), "archive_file_s": 100} | options), still_s=0)


def raw(offset: int) -> Record:
    return Record("raw", 2, offset, b"key", b"value %d" % offset, offset * SECOND)


def offsets(found: list[Archived | Hole]) -> list[object]:
    return [one.offset if isinstance(one, Archived) else (one.first, one.last) for one in found]


def structured(found: object) -> dict[str, object]:
    assert isinstance(found, dict)
    return found


def read(root: Path | str, start: int, end: int) -> list[Archived | Hole]:
    return list(archive.read(str(root), 2, start, end))


class Run(Struct):
    """A process: how far it wrote, what the crash left behind its last block, how many bytes it took from it, and how
    many written records were not committed."""

    records: int
    tail: bytes
    taken: int
    uncommitted: int


ENDLESS = b"\x02" + b"\xfe" + b"\xff" * 7 + b"\x7f"
"""A block of one record and as many bytes as a number can tell, for which no machine has memory."""

runs = st.builds(
    Run,
    st.integers(1, 150),
    st.sampled_from([b"", b"\x02", b"\0" * 40, b"torn", ENDLESS]),
    st.integers(0, 9),
    st.integers(0, 150),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(runs, max_size=4))
def test_holds_every_record_once_wherever_it_was_killed(
    tmp_path_factory: pytest.TempPathFactory, killed: list[Run]
) -> None:
    root, committed, durable = tmp_path_factory.mktemp("archive"), 0, 0
    for run in killed:
        writer = sink(root)
        writer.write([raw(offset) for offset in range(committed, committed + run.records)])
        writer.close()
        written = committed + run.records
        if run.taken and written > durable:  # else it wrote no block that could be torn
            damage(root, run)
        else:
            durable = max(durable, written)
            committed = max(committed, written - run.uncommitted)
    writer = sink(root)
    writer.write([raw(offset) for offset in range(committed, 700)])
    writer.close()
    assert read(root, 0, 700) == [
        Archived(2, offset, offset * SECOND, b"key", b"value %d" % offset) for offset in range(700)
    ]


def damage(root: Path, run: Run) -> None:
    """Leave the growing file as a crash within its last block does, before anything of that block was committed."""
    for path in root.glob("raw-2/*.open"):
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - run.taken)
            file.seek(0, 2)
            file.write(run.tail)


def test_a_tail_that_tells_of_more_bytes_than_there_is_memory_is_cut(tmp_path: Path) -> None:
    left_growing(tmp_path)
    (growing,) = tmp_path.glob("raw-2/*.open")
    whole = growing.stat().st_size
    with growing.open("ab") as file:
        file.write(ENDLESS)
    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 9})
    assert growing.stat().st_size == whole
    writer.close()


@pytest.mark.parametrize("whole", [0, 1, 2], ids=["header", "second block", "third block"])
@pytest.mark.parametrize(
    "fault", [OSError(errno.EIO, "bad sector"), OSError(errno.ESTALE, "stale"), MemoryError()], ids=repr
)
def test_a_read_error_in_passing_is_waited_out_and_cuts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, whole: int
) -> None:
    """Taken for a torn tail it cut off blocks that were synced, and whose offsets were committed: nobody sends them again."""
    left_growing(tmp_path)
    (growing,) = tmp_path.glob("raw-2/*.open")
    before = growing.read_bytes()
    writer = sink(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "blocks", failing(archive.blocks, whole, fault))
        writer.assigned({("raw", 2): 9})
        for _ in range(2):
            with pytest.raises(Transient):
                writer.write([raw(9)])
    assert growing.read_bytes() == before
    writer.write([raw(9)])
    writer.close()
    assert offsets(read(tmp_path, 0, 10)) == list(range(10))


def left_growing(root: Path) -> None:
    """A file of three synced blocks, as a process that was killed leaves it."""
    writer = sink(root)
    for offset in (0, 3, 6):
        writer.write([raw(number) for number in range(offset, offset + 3)])
    writer.close()


def failing(blocks: Callable[[BinaryIO], Iterator[Any]], whole: int, fault: Exception) -> object:
    """``blocks`` on a disk that can be read up to so many blocks."""

    def read(file: BinaryIO) -> Iterator[Any]:
        yield from islice(blocks(file), whole)
        raise fault

    return read


def test_closes_files_by_time_and_names_them_by_their_offsets(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    writer.write([raw(offset) for offset in range(50)])
    writer.write([raw(offset) for offset in range(50, 120)])
    writer.settle()
    writer.close()
    names = sorted(path.name for path in (tmp_path / "raw-2").glob("*.avro"))
    assert names == ["raw-2-000000000000-000000000049.avro", "raw-2-000000000050-000000000119.avro"]
    with (tmp_path / "raw-2" / names[0]).open("rb") as file:
        offsets_held = [structured(found)["offset"] for found in fastavro.reader(file)]
    assert offsets_held == list(range(50))


def test_a_clock_that_is_ahead_does_not_cut_files_that_grow(tmp_path: Path) -> None:
    writer = ArchiveSink(Settings(files={"archive": str(tmp_path), "archive_file_s": 100}))
    for offset in range(3):
        writer.write([raw(offset)])
        writer.settle()
    writer.close()
    assert [path.name for path in (tmp_path / "raw-2").glob("raw-*")] == ["raw-2-000000000000.open"]


def test_names_holes_exactly(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    writer.write([raw(offset) for offset in (*range(3, 6), *range(8, 10))])
    writer.close()
    assert offsets(read(tmp_path, 0, 12)) == [(0, 2), 3, 4, 5, (6, 7), 8, 9, (10, 11)]
    assert offsets(read(tmp_path, 4, 9)) == [4, 5, (6, 7), 8]
    assert offsets(read(tmp_path / "nowhere", 0, 2)) == [(0, 1)]


def test_turns_a_damaged_file_into_a_hole(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    for start in (0, 200, 400):
        writer.write([raw(offset) for offset in range(start, start + 5)])
    writer.close()
    damaged = tmp_path / "raw-2" / "raw-2-000000000200-000000000204.avro"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    found = read(tmp_path, 200, 402)
    assert offsets(found) == [(200, 204), (205, 399), 400, 401]
    assert isinstance(found[0], Hole)
    assert "does not match its sha256" in found[0].why


def test_a_read_error_in_passing_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken for a hole, a replay from the archive would have gone on without the records behind it."""
    left_growing(tmp_path)
    monkeypatch.setattr(archive, "blocks", failing(archive.blocks, 1, OSError(errno.ESTALE, "stale")))

    with pytest.raises(OSError, match="stale"):
        read(tmp_path, 0, 9)


def test_copies_closed_files_to_another_place_that_can_be_read_alone(tmp_path: Path) -> None:
    writer = sink(tmp_path / "here", archive_copy=f"file://{tmp_path}/there")
    writer.write([raw(offset) for offset in range(9)])
    writer.settle()
    writer.close()
    assert offsets(read(f"file://{tmp_path}/there", 0, 9)) == list(range(9))


class Store(LocalFileSystem):  # type: ignore[misc]  # it has no types
    """An object store with exceptions of its own; ``away``: it is."""

    away, asked = False, 0

    def open(self, *arguments: Any, **named: Any) -> Any:
        self.asked += 1
        if self.away:
            raise RuntimeError("EndpointConnectionError")
        return super().open(*arguments, **named)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(skip_instance_cache=True)
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: (made, url.removeprefix("store://")))
    return made


def two_files(root: Path, *partitions: int) -> ArchiveSink:
    writer = sink(root / "here", archive_copy=f"store://{root}/there")
    for number in partitions:
        writer.write([replace(raw(offset), partition=number) for offset in range(9)])
        writer.write([replace(raw(offset), partition=number) for offset in range(120, 129)])
    return writer


def copied(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("there/raw-*/*.avro"))


def test_it_copies_one_file_at_a_time_of_each_partition_in_turn(tmp_path: Path, store: Store) -> None:
    writer = two_files(tmp_path, 1, 2)
    expected = [["raw-1"], ["raw-1", "raw-2"], ["raw-1", "raw-1", "raw-2"], ["raw-1", "raw-1", "raw-2", "raw-2"]]
    for there in expected:
        settled(writer)
        assert copied(tmp_path) == there
    settled(writer)
    assert store.asked == 4
    for number in (1, 2):
        manifest = (tmp_path / "here" / f"raw-{number}" / archive.MANIFEST).read_bytes()
        assert (tmp_path / "there" / f"raw-{number}" / archive.MANIFEST).read_bytes() == manifest
    writer.close()

    again = two_files(tmp_path, 1, 2)
    settled(again, 9)
    assert store.asked == 4, "what is there is not copied again"
    again.close()


def test_a_copy_that_takes_long_leaves_time_for_the_archive(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(store, "makedirs", lambda *_, **__: now.__setitem__(0, now[0] + 50))
    writer = two_files(tmp_path, 2)
    (tmp_path / "there" / "raw-2").mkdir(parents=True)
    writer.settle()
    assert (now[0], len(copied(tmp_path))) == (150, 1)

    now[0] += 49
    writer.settle()
    assert len(copied(tmp_path)) == 1
    now[0] += 2
    writer.settle()
    assert len(copied(tmp_path)) == 2
    writer.close()


def test_a_store_that_is_away_does_not_keep_the_archive(tmp_path: Path, store: Store) -> None:
    writer = two_files(tmp_path, 2)
    store.away = True
    with pytest.raises(Transient, match="EndpointConnectionError"):
        settled(writer)

    writer.settle()  # not before half a minute has passed
    writer.write([raw(offset) for offset in range(129, 140)])
    assert store.asked == 1

    store.away = False
    assert offsets(read(tmp_path / "here", 129, 140)) == list(range(129, 140))
    settled(writer, 2)
    assert offsets(read(tmp_path / "there", 0, 9)) == list(range(9))
    writer.close()


def test_a_copy_under_way_gives_signs_of_work_and_can_be_interrupted(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BLOCK_BYTES", 10)
    writer, before = two_files(tmp_path, 2), progress.HERE.beats
    (size,) = (path.stat().st_size for path in (tmp_path / "here" / "raw-2").glob("*008.avro"))
    settled(writer)
    assert progress.HERE.beats - before > size // 10

    monkeypatch.setattr(progress.HERE, "beat", writer.interrupt)
    with pytest.raises(Transient, match="interrupted"):
        settled(writer)
    monkeypatch.undo()
    assert len(copied(tmp_path)) == 1

    settled(writer)
    assert len(copied(tmp_path)) == 2
    writer.close()


def settled(writer: ArchiveSink, times: int = 1) -> None:
    """Settle when the time to rest is over."""
    for _ in range(times):
        assert writer._copies
        writer._copies._not_before = 0
        writer.settle()


def test_kill_9_while_writing_loses_nothing_that_was_written(tmp_path: Path) -> None:
    program = """
import sys
from tests.connectors.sinks.test_archive import Path, raw, sink
writer = sink(Path(sys.argv[1]))
for start in range(0, 10**9, 10):
    writer.write([raw(offset) for offset in range(start, start + 10)])
    print(start + 10, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout
    written = [int(process.stdout.readline()) for _ in range(40)][-1]
    process.send_signal(signal.SIGKILL)
    written = [*map(int, process.stdout.read().split()), written][0]
    process.wait()
    process.stdout.close()
    writer = sink(tmp_path)
    writer.write([raw(offset) for offset in range(written, written + 30)])
    writer.close()
    assert offsets(read(tmp_path, 0, written + 30)) == list(range(written + 30))
