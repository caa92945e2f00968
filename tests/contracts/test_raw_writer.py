"""The laws over the writers that need no Kafka; `tests/stack/test_kafka_writer.py` holds the others to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.sources.memory import MemoryWriter
from connectors.sources.spool import SpoolWriter
from connectors.sources.spool_file import SpoolFile
from streams import avro
from streams.core.records import RawRecord
from tests.contracts.raw_writer import RawWriterLaws, Writing, Written


class TestMemoryWriter(RawWriterLaws):
    @pytest.fixture
    def writing(self) -> Writing:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Written]:
            writer = MemoryWriter()

            async def durable() -> list[RawRecord]:
                return writer.records

            yield Written(writer, durable)
            await writer.close()

        return opened


class TestSpoolAroundAWriter(RawWriterLaws):
    @pytest.fixture
    def writing(self, tmp_path: Path) -> Writing:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Written]:
            inner = MemoryWriter()
            writer = SpoolWriter(inner, SpoolFile(tmp_path / "s.db", 1_000_000), takeover_s=5)

            async def durable() -> list[RawRecord]:
                return inner.records

            yield Written(writer, durable)
            await writer.close()

        return opened


class TestSpoolAroundAWriterThatIsAway(RawWriterLaws):
    @pytest.fixture
    def writing(self, tmp_path: Path) -> Writing:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Written]:
            inner = MemoryWriter()
            inner.away = True
            path = tmp_path / "s.db"
            writer = SpoolWriter(inner, SpoolFile(path, 1_000_000), takeover_s=0.01)

            async def durable() -> list[RawRecord]:
                return await stored(path)

            yield Written(writer, durable)
            await writer.close()

        return opened


async def stored(path: Path) -> list[RawRecord]:
    file = SpoolFile(path, 1_000_000)
    rows = await file.read(10_000, 10_000_000)
    await file.close()
    return [avro.decode(row.value, RawRecord) for row in rows]
