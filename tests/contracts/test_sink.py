"""The laws over the sinks that need no server; `tests/stack/test_sink_laws.py` holds the others to them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from connectors.sinks import archive, log
from connectors.sinks.base import Record
from streams.archive import Archived, read
from streams.settings import Settings
from tests.connectors.sinks.making import reading, record
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


def raw(number: int) -> Record:
    return record(b"%d" % number, number, topic="raw")


def read_out(number: int) -> Record:
    return record(reading(cid=str(number), offset=number), number)


def junk(number: int) -> Record:
    return record(b"junk", number)
