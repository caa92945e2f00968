"""Spools for tests, around a writer that is away when it is told to be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.sources.base import Done
from connectors.sources.memory import MemoryWriter
from connectors.sources.spool import SpoolWriter
from connectors.sources.spool_file import SpoolFile
from streams.core.records import DeadLetter

TAKEOVER_S = 0.02


class Letters(list[DeadLetter]):
    """What a spool tells, durable at once."""

    def tell(self, letter: DeadLetter, done: Done) -> None:
        self.append(letter)
        done()


@asynccontextmanager
async def spool(
    path: Path,
    inner: MemoryWriter,
    quota: int = 10_000_000,
    letters: Letters | None = None,
    takeover_s: float = TAKEOVER_S,
) -> AsyncIterator[SpoolWriter]:
    tell = None if letters is None else letters.tell
    writer = SpoolWriter(inner, SpoolFile(path, quota), takeover_s, tell=tell)
    yield writer
    await writer.close()


async def drained(writer: SpoolWriter, file_records: int = 0) -> None:
    async with asyncio.timeout(60):
        while writer.spooled > file_records:  # noqa: ASYNC110 - a test may ask again and again
            await asyncio.sleep(0.005)


async def stepped_back(writer: SpoolWriter) -> None:
    async with asyncio.timeout(60):
        while writer._away:  # noqa: ASYNC110 - as in ``drained``
            await asyncio.sleep(0.005)


def payloads(inner: MemoryWriter) -> list[bytes]:
    return [one.payload for one in inner.records]
