"""Decoding in other processes: the same columns, in order, also when a process is killed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from streams.replay.decoding import decode
from streams.replay.job import Mode
from streams.replay.selection import Selection
from streams.replay.source import Chunk
from streams.replay.staging import merge
from streams.replay.store import Staged
from streams.replay.task import Registry, Task, Tried
from streams.settings import Settings
from tests.streams.replay.staging import chunk, generation, raw, rows

REGISTRY = Registry(mappings={}, generations=(generation(1, partitions=(1, 2)),))
DEADLY = """
import os, pathlib, signal
from streams.decoders.json_object import JsonObject

class Deadly(JsonObject):
    def open(self, record):
        marker = pathlib.Path(MARKER)
        if b"deadly" in record.payload and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().open(record)

DECODER = Deadly
"""


def task(**more: object) -> Task:
    return Task(settings=Settings(), selection=Selection(), mode=Mode.DECODE, **more)  # type: ignore[arg-type]  # its own


def chunks(count: int, deadly: int | None = None) -> Iterator[Chunk]:
    """Ten records each, of two partitions by turns."""
    for n in range(count):
        name = "deadly" if n == deadly else "t"
        values = [raw(json.dumps({"device": f"d{n}", "values": {name: i}}).encode()) for i in range(10)]
        yield chunk(values, first=n // 2 * 10, partition=1 + n % 2)


def together(answers: Iterable[tuple[Staged, dict[int, int]]]) -> tuple[Staged, dict[int, int]]:
    made, reached = Staged(), dict[int, int]()
    for staged, checkpoint in answers:
        assert all(offset > reached.get(partition, 0) for partition, offset in checkpoint.items())
        merge(made, staged)
        reached |= checkpoint
    return made, reached


def test_a_killed_process_changes_nothing_but_the_time_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "deadly.py"
    path.write_text(DEADLY.replace("MARKER", repr(str(tmp_path / "killed"))), "utf-8")

    given = task(tried=Tried(decoders=(("json", path),)))
    there, reached = together(decode(given, chunks(6, deadly=3), 1, REGISTRY))
    here, expected = together(decode(given, chunks(6, deadly=3), 0, REGISTRY))

    assert (tmp_path / "killed").exists()
    assert rows(there) == rows(here)
    assert (there.names, list(there.selected)) == (here.names, list(here.selected))
    assert reached == expected == {1: 30, 2: 30}


def test_a_checkpoint_leads_behind_what_is_staged_with_it() -> None:
    answers = list(decode(task(), chunks(4), 0, REGISTRY))

    assert [checkpoint for _, checkpoint in answers] == [{1: 20, 2: 20}]
    assert [staged.records for staged, _ in answers] == [40]


def test_a_chunk_without_records_moves_the_checkpoint() -> None:
    ((staged, checkpoint),) = decode(task(), [Chunk(1, 5, 9, [], [])], 0, REGISTRY)

    assert (rows(staged), checkpoint) == ([], {1: 9})


def test_refuses_to_decode_before_there_is_a_generation() -> None:
    with pytest.raises(ValueError, match="no generation has been opened yet"):
        list(decode(task(), chunks(1), 0, Registry(mappings={})))


def test_a_candidate_that_cannot_be_used_is_told_before_any_process_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        list(decode(task(tried=Tried(decoders=(("json", tmp_path / "none.py"),))), chunks(1), 2, REGISTRY))
