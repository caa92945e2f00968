"""The laws over the sinks that need no server; `tests/stack/test_sink_laws.py` holds the others to them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from connectors.sinks import archive, device_logs, log
from connectors.sinks.base import Record
from streams.archive import Archived, read
from streams.settings import Settings
from tests.connectors.sinks.making import measured, reading, record
from tests.contracts.sink import Bench, DurableLaws, RejectingLaws


class TestArchive(DurableLaws):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        root = tmp_path / "archive"

        def stored() -> Counter[int]:
            return Counter(found.offset for found in read(str(root), 0, 0, 100) if isinstance(found, Archived))

        @contextmanager
        def away() -> Iterator[None]:
            root.write_text("a file where the directory should be")
            yield
            root.unlink()

        return Bench(lambda: archive.make(Settings(files={"archive": str(root)})), raw, stored, away)


class TestLog(RejectingLaws):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with structlog.testing.capture_logs() as lines:

            def stored() -> Counter[int]:
                return Counter(int(line["correlation_id"]) for line in lines if line["event"] == "reading")

            yield Bench(lambda: log.make(Settings()), read_out, stored, bad=junk)


class TestDeviceLogs(DurableLaws, RejectingLaws):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        root = tmp_path / "logs"

        def stored() -> Counter[int]:
            lines = [line for path in root.glob("*/*.log") for line in path.read_text().splitlines()]
            return Counter(int(line.rpartition(" ")[2].rstrip('"')) for line in lines)

        @contextmanager
        def away() -> Iterator[None]:
            root.write_text("a file where the directory should be")
            yield
            root.unlink()

        opened = Settings(files={"device_logs": str(root)})
        return Bench(lambda: device_logs.make(opened), log_line, stored, away, junk)


def raw(number: int) -> Record:
    return record(b"%d" % number, number, topic="raw")


def read_out(number: int) -> Record:
    return record(reading(cid=str(number), offset=number), number)


def log_line(number: int) -> Record:
    made = reading(measured(f"INFO line {number}", "log"), offset=number, device=f"vibration:s{number % 2}")
    return record(replace(made, source="vibration"), number)


def junk(number: int) -> Record:
    return record(b"junk", number)
