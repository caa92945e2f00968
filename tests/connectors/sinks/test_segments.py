import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sinks.base import Record, Transient
from connectors.sinks.files.segments import Segments
from connectors.sinks.manifests import manifest
from connectors.sinks.outgoing import Message
from streams.core.times import SECOND
from tests.connectors.sinks.making import NOON, message, record

HOUR = 3600


def item(offset: int, time: int = NOON, *, cid: str | None = None, mapped: bool = True) -> tuple[Record, list[Message]]:
    return record(b"", offset, time=time), [message(cid=cid or f"c{offset}")] if mapped else []


def lines(root: Path) -> list[int]:
    """The offsets in every file, in the order of names."""
    directory = root / "segments" / "readings-0"
    files = sorted([*directory.glob("*.ndjson"), *directory.glob("*.open")])
    files = [file for file in files if file.name != "manifest.ndjson"]
    return [json.loads(line)["offset"] for file in files for line in file.read_text().splitlines()]


def test_closes_a_segment_when_the_hour_is_over_and_names_it_by_its_first_offset(tmp_path: Path) -> None:
    segments = Segments(tmp_path, HOUR)
    segments.write([item(5), item(6, mapped=False), item(7), item(8, NOON + HOUR * SECOND)])
    (entry,) = manifest(tmp_path / "segments" / "readings-0")
    assert (entry.name, entry.first_offset, entry.last_offset, entry.records) == (
        "20261102T120000Z-000000000005.ndjson", 5, 7, 2,
    )  # fmt: skip
    file = tmp_path / "segments" / "readings-0" / entry.name
    assert file.stat().st_size == entry.bytes
    assert json.loads(file.read_text().splitlines()[0]) == {
        "offset": 5,
        "id": "content",
        "device": "json:probe",
        "source": "json",
        "received_at": "2026-11-02T12:00:00Z",
        "raw": [0, 0, 0],
        "generation": 1,
        "broker_correlation_id": "c5",
        "p_uid": 3,
        "l_uid": 7,
        "timestamp": "2026-11-02T12:00:00Z",
        "timeseries": [{"name": "t", "value": 21.5}],
        "source_ids": {"id": "probe"},
    }
    segments.close()


def test_a_clock_that_is_ahead_does_not_cut_segments_that_grow(tmp_path: Path) -> None:
    segments = Segments(tmp_path, HOUR)
    for offset in range(3):
        segments.write([item(offset, NOON - 365 * 86_400 * SECOND)])
        segments.settle()
    segments.close()
    assert manifest(tmp_path / "segments" / "readings-0") == []
    assert lines(tmp_path) == [0, 1, 2]


def test_closes_an_idle_segment(tmp_path: Path) -> None:
    segments = Segments(tmp_path, HOUR, still_s=0)
    segments.write([item(0, NOON - 365 * 86_400 * SECOND)])
    segments.settle()
    assert len(manifest(tmp_path / "segments" / "readings-0")) == 1
    segments.write([item(1, NOON - 365 * 86_400 * SECOND)])
    segments.close()
    assert lines(tmp_path) == [0, 1]


shapes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=14)
kills = st.lists(
    st.tuples(st.integers(1, 14), st.integers(0, 14), st.sampled_from([b"", b'{"offset":', b"\0\0"])), max_size=4
)


@settings(max_examples=40, deadline=None)
@given(shapes, kills)
def test_holds_every_offset_once_wherever_it_was_killed(
    tmp_path_factory: pytest.TempPathFactory, shape: list[tuple[bool, bool]], kills: list[tuple[int, int, bytes]]
) -> None:
    root = tmp_path_factory.mktemp("segments")
    time, items = NOON, []
    for offset, (mapped, moves) in enumerate(shape):
        time += HOUR * SECOND * moves
        items.append(item(offset, time, mapped=mapped))
    committed = 0
    for written, uncommitted, torn in kills:
        run(root, items[committed : committed + written])
        tear(root, torn)
        committed = max(committed, min(committed + written, len(items)) - uncommitted)
    run(root, items[committed:])
    run(root, [item(len(items), time + 9 * HOUR * SECOND)])
    assert lines(root) == [offset for offset, (mapped, _) in enumerate(shape) if mapped] + [len(items)]
    assert sum(entry.records for entry in manifest(root / "segments" / "readings-0")) == sum(m for m, _ in shape)


def run(root: Path, items: list[tuple[Record, list[Message]]]) -> None:
    segments = Segments(root, HOUR)
    segments.write(items)
    segments.close()


def tear(root: Path, tail: bytes) -> None:
    for path in root.glob("segments/readings-0/*.open"):
        with path.open("ab") as file:
            file.write(tail)


def test_finishes_closing_after_a_crash_between_manifest_and_rename(tmp_path: Path) -> None:
    segments = Segments(tmp_path, HOUR)
    segments.write([item(0), item(1, NOON + HOUR * SECOND)])
    segments.close()
    directory = tmp_path / "segments" / "readings-0"
    (directory / "20261102T130000Z-000000000001.open").unlink()
    closed = directory / "20261102T120000Z-000000000000.ndjson"
    closed.rename(closed.with_suffix(".open"))
    segments = Segments(tmp_path, HOUR)
    segments.write([item(0), item(1, NOON + HOUR * SECOND)])
    segments.close()
    assert lines(tmp_path) == [0, 1]
    assert closed.exists()


def test_waits_while_another_process_holds_the_partition(tmp_path: Path) -> None:
    frozen, owner = Segments(tmp_path, HOUR), Segments(tmp_path, HOUR)
    frozen.write([item(0)])
    with pytest.raises(Transient, match="another process"):
        owner.write([item(1)])
    frozen.release([0])
    owner.write([item(1)])
    owner.close()
    assert lines(tmp_path) == [0, 1]
