"""Sinks that write files, on a disk that is full and then is not: they wait, nothing is torn, nothing lacks or is doubled."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Record, Transient
from connectors.sinks.device_logs import DeviceLogsSink
from connectors.sinks.files.iota import IotaLayout
from connectors.sinks.files.segments import Segments
from connectors.sinks.lost import put_aside
from connectors.sinks.outgoing import Message
from streams import archive
from streams.core.records import Reading
from streams.settings import Settings
from tests.connectors.sinks.making import measured, message, reading, record
from tests.faults import disks

pytestmark = pytest.mark.skipif(bool(disks.unavailable()), reason="no small disk can be mounted here")


def test_the_archive_waits_for_space(tmp_path: Path) -> None:
    with disks.mounted({"archive": tmp_path}) as mounted:
        sink = ArchiveSink(Settings(files={"archive": str(tmp_path)}))
        batches = [
            [Record("raw", 0, n, b"k", Random(n).randbytes(5000), n) for n in range(m, m + 9)] for m in (0, 9, 18)
        ]
        sink.write(batches[0])
        with mounted["archive"].full():
            for _ in range(3):
                with pytest.raises(Transient, match="No space left"):
                    sink.write(batches[1])
        sink.write(batches[1])
        sink.write(batches[2])
        sink.close()

        found = list(archive.contents(str(tmp_path), 0))

    assert [one.offset for one in found if isinstance(one, archive.Archived)] == list(range(27))


def test_what_is_put_aside_takes_no_space_before_it_is_whole(tmp_path: Path) -> None:
    with disks.mounted({"files": tmp_path}) as mounted:
        damaged = tmp_path / "damaged"
        damaged.write_bytes(Random(1).randbytes(200_000))
        with mounted["files"].full(), pytest.raises(OSError, match="No space left"):
            put_aside(damaged)
        assert [path.name for path in tmp_path.rglob("*damaged*")] == ["damaged"]
        assert put_aside(damaged).read_bytes() == damaged.read_bytes()


def test_files_wait_for_space(tmp_path: Path) -> None:
    with disks.mounted({"files": tmp_path}) as mounted:
        segments, iota = Segments(tmp_path, 3600), IotaLayout(tmp_path, permissive=True)
        items = [(record(b"", n), [_message(n)]) for n in range(60)]
        segments.write(items[:20])
        iota.write([found for _, found in items[:20]])
        with mounted["files"].full():
            for _ in range(3):
                with pytest.raises(OSError, match="No space left"):
                    segments.write(items[20:40])
                with pytest.raises(OSError, match="No space left"):
                    iota.write([found for _, found in items[20:40]])
        for start in (20, 40):
            segments.write(items[start : start + 20])
            iota.write([found for _, found in items[start : start + 20]])
        segments.close()
        iota.close()

        (path,) = (tmp_path / "segments" / "readings-0").glob("*.open")
        offsets = [msgspec.json.decode(line)["offset"] for line in path.read_bytes().splitlines()]
        bodies = [msgspec.json.decode(path.read_bytes()) for path in sorted(tmp_path.glob("raw_data/*/*.json"))]

    assert offsets == list(range(60))
    assert [body["broker_correlation_id"] for body in bodies] == [f"c{n:02}" for n in range(60)]


def test_device_logs_wait_for_space(tmp_path: Path) -> None:
    with disks.mounted({"device_logs": tmp_path}) as mounted:
        sink = DeviceLogsSink(Settings(files={"device_logs": str(tmp_path)}))
        records = [record(_log_line(n), n) for n in range(60)]
        sink.write(records[:20])
        with mounted["device_logs"].full():
            for _ in range(3):
                with pytest.raises(Transient, match="No space left"):
                    sink.write(records[20:40])
        sink.write(records[20:40])
        sink.write(records[40:])

        (path,) = tmp_path.glob("*/*.log")
        lines = path.read_text().splitlines()

    assert [line.rpartition(" ")[2] for line in lines] == [f'{n}"' for n in range(60)]


def _message(number: int) -> Message:
    return message(*(measured(1.5, f"m{n}") for n in range(200)), cid=f"c{number:02}")


def _log_line(number: int) -> Reading:
    text = f"INFO {'x' * 2000} line {number}"
    made = reading(measured(text, "log"), offset=number, device="vibration:AAD-1")
    return msgspec.structs.replace(made, source="vibration", source_ids={"serial_number": "AAD-1"})
