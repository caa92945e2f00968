"""Segments, single messages and device logs are compared line by line with the readings."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.sinks.device_logs import DeviceLogsSink
from connectors.sinks.files.iota import IotaLayout
from connectors.sinks.files.segments import Segments
from connectors.sinks.outgoing import messages
from connectors.verify.bounds import Bounds
from connectors.verify.compare import Difference
from connectors.verify.files_side import DeviceLogsSide, FilesSide
from connectors.verify.presented import Mappings
from streams.core.records import DeviceMapping, Interval, Reading, Variable
from streams.settings import FilesSettings, Settings
from tests.connectors.sinks.making import DEVICE, MAPPING, measured, reading, record

WHOLE, END = {0: 0}, {0: 100}
READINGS = [reading(cid=f"c{offset}", offset=offset) for offset in range(4)]
RENAMED = DeviceMapping(device=DEVICE, physical_uid=3, intervals=[Interval(7, 0, variables=[Variable("t", "u")])])


def write(root: Path, readings: list[Reading] = READINGS, mapping: DeviceMapping = MAPPING) -> None:
    found = [messages(one, mapping) for one in readings]
    segments, iota = Segments(root, 3600), IotaLayout(root, permissive=True)
    segments.write([(record(one, offset), found[offset]) for offset, one in enumerate(readings)])
    iota.write(found)
    segments.close()
    iota.close()


def differences(
    root: Path, readings: list[Reading] = READINGS, since: dict[int, int] | None = WHOLE,
    states: tuple[tuple[int, DeviceMapping | None], ...] = ((-1, MAPPING),),
) -> list[tuple[int, int, int, int, int]]:  # fmt: skip
    """Of segments and of messages: expected, missing, extra, wrong, not judged."""
    side = FilesSide(
        FilesSettings(directory=root), lambda: Mappings({DEVICE: list(states)}), Bounds({0: 0}, since, END)
    )
    for offset, one in enumerate(readings):
        side.expect(0, offset, one)
    side.find()
    found = [tally.close() for tally in side.tallies()]
    return [(d.expected, d.missing, d.extra, d.wrong, unchecked) for d, unchecked in found]


def segment(root: Path) -> Path:
    (path,) = (root / "segments" / "readings-0").glob("*.open")
    return path


def edit(root: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = segment(root)
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def test_what_was_written_is_right(tmp_path: Path) -> None:
    write(tmp_path)

    assert differences(tmp_path) == [(4, 0, 0, 0, 0), (4, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda lines: lines[:1] + lines[2:], (4, 1, 0, 0, 0)),
        (lambda lines: [*lines, lines[2]], (4, 0, 1, 0, 0)),
        (lambda lines: [lines[0].replace("21.5", "21.6"), *lines[1:]], (4, 0, 0, 1, 0)),
        (lambda lines: [*lines[:2], lines[2][:30] + "\n", lines[3]], (4, 1, 1, 0, 0)),
        (lambda lines: [*lines[:3], lines[3][:30]], (4, 1, 0, 0, 0)),
        (lambda lines: [*lines, lines[3].replace("[0,3,0]", "[0,9,0]")], (4, 0, 1, 0, 0)),
        (lambda lines: [*lines, lines[3][:30]], (4, 0, 0, 0, 0)),
        (lambda lines: [*lines, lines[3].removesuffix("\n")], (4, 0, 0, 0, 0)),
    ],
    ids=["removed", "doubled", "changed", "garbled", "torn", "extra", "unfinished", "unfinished by a byte"],
)
def test_a_line_of_a_segment_is_missed(
    tmp_path: Path, change: Callable[[list[str]], list[str]], seen: tuple[int, ...]
) -> None:
    write(tmp_path)
    edit(tmp_path, change)

    assert differences(tmp_path)[0] == seen


def test_a_closed_segment_has_no_unfinished_line(tmp_path: Path) -> None:
    write(tmp_path)
    edit(tmp_path, lambda lines: [*lines[:3], lines[3][:30]])
    segment(tmp_path).rename(segment(tmp_path).with_suffix(".ndjson"))

    assert differences(tmp_path)[0] == (4, 1, 1, 0, 0)


def test_a_message_is_missed_when_it_is_removed_changed_or_nobodys(tmp_path: Path) -> None:
    write(tmp_path)
    root = tmp_path / "raw_data"
    (root / "c0" / "c0.json").unlink()
    (root / "c1" / "c1.json").write_text(json.dumps({"l_uid": 7}))
    (root / "c2" / "c2-1.json").write_text("{}")

    assert differences(tmp_path)[1] == (4, 1, 1, 1, 0)


def test_a_reading_counts_once_however_often_it_stands_in_the_log(tmp_path: Path) -> None:
    write(tmp_path)

    assert differences(tmp_path, [*READINGS, *READINGS]) == [(4, 0, 0, 0, 0), (4, 0, 0, 0, 0)]


def test_a_reading_that_the_sink_rejects_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path)

    assert differences(tmp_path, [*READINGS, reading(partition=256)]) == [(4, 0, 0, 0, 0), (4, 0, 0, 0, 0)]


def test_after_a_wipe_it_is_compared_from_there_on(tmp_path: Path) -> None:
    write(tmp_path)
    edit(tmp_path, lambda lines: lines[2:])

    assert differences(tmp_path, since={0: 2})[0] == (2, 0, 0, 0, 0)
    assert differences(tmp_path, since={0: 1})[0] == (3, 1, 0, 0, 0)


def test_an_operator_begins_at_the_first_line_and_may_have_messages_taken_away(tmp_path: Path) -> None:
    write(tmp_path)
    edit(tmp_path, lambda lines: lines[1:])
    (tmp_path / "raw_data" / "c0" / "c0.json").unlink()

    assert differences(tmp_path, since=None) == [(3, 0, 0, 0, 0), (0, 0, 0, 0, 0)]


def test_an_operator_may_have_closed_segments_taken_away(tmp_path: Path) -> None:
    segments = Segments(tmp_path, 3600)
    late = 3600 * 1_000_000_000
    records = [record(one, offset) for offset, one in enumerate(READINGS)]
    records = [replace(r, timestamp=r.timestamp + (late if r.offset > 1 else 0)) for r in records]
    segments.write([(r, messages(READINGS[r.offset], MAPPING)) for r in records])
    segments.close()
    (closed,) = (tmp_path / "segments" / "readings-0").glob("2*.ndjson")
    closed.unlink()

    assert differences(tmp_path, since=None)[0] == (2, 0, 0, 0, 0)
    assert differences(tmp_path)[0] == (4, 2, 0, 0, 0)


def test_a_line_may_be_shown_by_any_mapping_since_it_was_placed(tmp_path: Path) -> None:
    write(tmp_path, mapping=RENAMED)

    assert differences(tmp_path, states=((-1, MAPPING), (5, RENAMED)))[0] == (4, 0, 0, 0, 0)
    assert differences(tmp_path, states=((-1, MAPPING),))[0] == (4, 0, 0, 4, 0)


def test_a_mapping_that_kafka_has_forgotten_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, mapping=RENAMED)

    assert differences(tmp_path, states=((5, MAPPING),))[0] == (0, 0, 0, 0, 4)


def test_lines_of_readings_that_kafka_no_longer_has_may_be_there(tmp_path: Path) -> None:
    write(tmp_path)

    side = FilesSide(
        FilesSettings(directory=tmp_path), lambda: Mappings({DEVICE: [(-1, MAPPING)]}), Bounds({0: 3}, WHOLE, END)
    )
    side.expect(0, 3, READINGS[3])
    side.find()
    segments, files = side.tallies()

    assert segments.close()[0].equal
    assert files.close() == (Difference("files: messages", 1, 0, 0, 0, ()), 3)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda lines: lines, (3, 0, 0, 0)),
        (lambda lines: lines[1:], (3, 1, 0, 0)),
        (lambda lines: [*lines, lines[0]], (3, 0, 1, 0)),
        (lambda lines: [lines[0].replace("line 0", "line 9"), *lines[1:]], (3, 1, 1, 0)),
        (lambda lines: [*lines, lines[2][:9]], (3, 0, 0, 0)),
        (lambda lines: [*lines[:2], lines[2][:-1]], (3, 1, 0, 0)),
    ],
    ids=["right", "removed", "doubled", "changed", "unfinished", "torn"],
)
def test_a_device_log_is_compared_line_by_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]], seen: tuple[int, ...]
) -> None:
    readings = [log_line(number) for number in range(3)]
    sink = DeviceLogsSink(Settings(files={"device_logs": str(tmp_path)}))
    sink.write([record(one, offset) for offset, one in enumerate(readings)])
    (path,) = tmp_path.glob("*/*.log")
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    side = DeviceLogsSide(tmp_path, Bounds({0: 0}, WHOLE, END))
    for offset, one in enumerate(readings):
        side.expect(0, offset, one)
    side.find()

    found, _ = side.tallies()[0].close()
    assert (found.expected, found.missing, found.extra, found.wrong) == seen


def log_line(number: int) -> Reading:
    made = reading(measured(f"INFO line {number}", "log"), offset=number, device="vibration:AAD-1")
    return replace(made, source="vibration", source_ids={"serial_number": "AAD-1"})
