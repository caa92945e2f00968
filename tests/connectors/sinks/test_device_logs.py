"""Device logs as line files."""

import errno
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.sinks import device_logs
from connectors.sinks.base import Record
from connectors.sinks.device_logs.line_files import LineFiles
from streams.core.records import Measurement, Reading
from streams.core.times import DAY
from streams.settings import Settings
from tests.connectors.sinks.making import NOON, measured, reading, record, synced_files


def logged(serial: str, *texts: str, time: int = NOON, offset: int = 0) -> Reading:
    lines = [Measurement("log", "", time + number, None, text) for number, text in enumerate(texts)]
    made = reading(*lines, device=f"vibration:{serial}", offset=offset)
    return replace(made, source="vibration", source_ids={"serial_number": serial})


def write(root: Path, *readings: Reading) -> None:
    batch: list[Record] = [record(made, number) for number, made in enumerate(readings)]
    sink = device_logs.make(Settings(files={"device_logs": str(root)}))
    assert list(sink.write(batch)) == []
    sink.close()


def stored(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


def test_a_line_has_the_documented_form_in_a_file_per_device_and_day(tmp_path: Path) -> None:
    write(
        tmp_path,
        logged("AAD-1123", "INFO System powering on...", "WARNING already in a sleep state"),
        logged("AAD-1123", "ERROR gone", time=NOON + DAY),
        logged("B", "INFO hello"),
    )

    assert stored(tmp_path) == {
        "AAD-1123/2026-11-02.log": (
            'time="2026-11-02T12:00:00Z" logger="AAD-1123" level="INFO" message="System powering on..."\n'
            'time="2026-11-02T12:00:00.000000001Z" logger="AAD-1123" level="WARNING" message="already in a sleep state"\n'
        ),
        "AAD-1123/2026-11-03.log": (
            'time="2026-11-03T12:00:00Z" logger="AAD-1123" level="ERROR" message="gone"\n'
        ),
        "B/2026-11-02.log": 'time="2026-11-02T12:00:00Z" logger="B" level="INFO" message="hello"\n',
    }  # fmt: skip


def test_neither_a_message_nor_a_serial_number_breaks_out(tmp_path: Path) -> None:
    write(tmp_path / "logs", logged("../x", 'INFO one\ntwo "three" \\ °'))

    assert stored(tmp_path) == {
        "logs/%2E%2E%2Fx/2026-11-02.log": (
            'time="2026-11-02T12:00:00Z" logger="../x" level="INFO" message="one\\ntwo \\"three\\" \\\\ °"\n'
        )
    }


def test_other_measurements_and_other_sources_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, replace(reading(measured(1.0, "log"), measured("INFO x", "other")), source="vibration"))
    write(tmp_path, reading(measured("INFO x", "log")))

    assert stored(tmp_path) == {}


def test_a_line_that_a_crash_tore_is_cut_off(tmp_path: Path) -> None:
    files = LineFiles(tmp_path)
    assert files.append({"a/b.log": ["one", "two"]}) == 2
    path = tmp_path / "a" / "b.log"
    path.write_bytes(path.read_bytes()[:-1])

    assert files.append({"a/b.log": ["one", "two", "three"]}) == 2
    assert path.read_text() == "one\ntwo\nthree\n"


def test_what_a_killed_process_left_is_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b.log"
    path.parent.mkdir()
    path.write_text("one\n")
    files, synced = LineFiles(tmp_path), synced_files(monkeypatch)

    assert files.append({"a/b.log": ["one"]}) == 0
    assert {path, path.parent, tmp_path} <= set(synced)

    synced.clear()
    assert files.append({"a/b.log": ["one"]}) == 0
    assert synced == []


def test_lines_that_could_not_be_synced_are_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that could not write what it had in memory says yes when it is asked again."""
    path, files = tmp_path / "a" / "b.log", LineFiles(tmp_path)
    files.append({"a/b.log": ["one"]})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _refuse)
        with pytest.raises(OSError, match="disk"):
            files.append({"a/b.log": ["two", "three"]})
    assert path.read_text() == "one\n"

    synced = synced_files(monkeypatch)
    assert files.append({"a/b.log": ["two", "three"]}) == 2
    assert synced[-1] == path
    assert path.read_text() == "one\ntwo\nthree\n"


def test_a_name_that_could_not_be_synced_is_synced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, files = tmp_path / "a" / "b.log", LineFiles(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _refuse)
        with pytest.raises(OSError, match="disk"):
            files.append({"a/b.log": ["one"]})

    synced = synced_files(monkeypatch)
    files.append({"a/b.log": ["one"]})
    assert {path, path.parent, tmp_path} <= set(synced)


def _refuse(_: int) -> None:
    raise OSError(errno.EIO, "the disk is away")


def test_a_file_that_was_taken_away_begins_again(tmp_path: Path) -> None:
    files = LineFiles(tmp_path)
    files.append({"a/b.log": ["one"]})
    (tmp_path / "a" / "b.log").unlink()

    assert files.append({"a/b.log": ["two"]}) == 1
    assert (tmp_path / "a" / "b.log").read_text() == "two\n"


def test_memory_does_not_grow_with_the_lines_of_a_file(tmp_path: Path) -> None:
    """A device may send millions of lines a day."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.log").write_text("".join(f"line {number}\n" for number in range(50_000)))
    files = LineFiles(tmp_path)

    with held_at_most(1_000_000):
        assert files.append({"a/b.log": ["line 7", "line 49999", "line 50000"]}) == 1
        for start in range(50_001, 60_000, 1_000):
            files.append({"a/b.log": [f"line {number}" for number in range(start, start + 1_000)]})

    assert files.append({"a/b.log": ["line 50000", "line 59999"]}) == 0


def test_memory_does_not_grow_with_a_line_that_has_no_end(tmp_path: Path) -> None:
    """As a disk may have left it that lost its power."""
    (tmp_path / "a").mkdir()
    with (tmp_path / "a" / "b.log").open("wb") as file:
        file.write(b"one\n")
        file.truncate(20_000_000)

    with held_at_most(1_000_000):
        assert LineFiles(tmp_path).append({"a/b.log": ["one", "two"]}) == 1

    assert (tmp_path / "a" / "b.log").read_bytes() == b"one\ntwo\n"


@contextmanager
def held_at_most(limit: int) -> Iterator[None]:
    """Bytes of Python's memory; the cache of the database is bounded by itself."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


def test_what_is_known_is_not_trusted_where_the_disk_had_no_room_for_it(tmp_path: Path) -> None:
    files = LineFiles(tmp_path)
    files.append({"a/b.log": ["one"]})
    files._lines._database.close()
    with pytest.raises(OSError, match="no room"):
        files.append({"a/b.log": ["two"]})

    assert files.append({"a/b.log": ["one", "two"]}) == 1
    assert (tmp_path / "a" / "b.log").read_text() == "one\ntwo\n"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("123")), max_size=6), max_size=5))
def test_each_line_is_there_once_whatever_comes_again(
    batches: list[list[tuple[str, str]]],
) -> None:
    with TemporaryDirectory() as directory:
        wanted: dict[str, list[str]] = {}
        for batch in batches:
            files = LineFiles(Path(directory))
            for name, line in batch:
                files.append({name: [line, line]})
                if line not in wanted.setdefault(name, []):
                    wanted[name].append(line)
        assert stored(Path(directory)) == {name: "".join(f"{x}\n" for x in lines) for name, lines in wanted.items()}
