"""What an API answered -> `raw`, unless it answered the same before; the cursor moves once the record is durable."""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from connectors.sources.base import RawWriter
from connectors.sources.pollers.cursors import Cursors
from connectors.sources.receipt import receive
from streams.core.cursor_record import Cursor
from streams.metrics import ACKNOWLEDGED, POLLS, RECEIVED


class Feed:
    """Of one poller; ``connector`` is its name in records and metrics."""

    def __init__(self, source: str, connector: str, writer: RawWriter, cursors: Cursors) -> None:
        self.source, self.cursors = source, cursors
        self._connector, self._writer = connector, writer
        self._under_way: set[asyncio.Task[None]] = set()

    async def give(
        self,
        cursor: str,
        question: str,
        body: bytes,
        *,
        address: str,
        headers: Iterable[tuple[str, str]] = (),
        times: Mapping[str, int] | None = None,
    ) -> None:
        """Make the answer durable and note it; ``times`` are the newest that it tells, by device.

        An answer that is under way is finished even when the caller is cancelled.

        Raises:
            Full: it is not durable; the cursor stays, so that it is asked for again.
        """
        digest = hashlib.sha256(body).hexdigest()
        if self.cursors.get(cursor).digests.get(question) == digest:
            POLLS.labels(self.source, "unchanged").inc()
            return
        RECEIVED.labels(self._connector, self.source).inc()
        record = receive(self.source, "poll", address, body, headers=headers, connector=self._connector)

        async def keep() -> None:
            await self._writer.write(record)
            self.cursors.advance(_moved(self.cursors.get(cursor), question, digest, times or {}))
            ACKNOWLEDGED.labels(self._connector, self.source).inc()
            POLLS.labels(self.source, "new").inc()

        task = asyncio.create_task(keep())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)


def _moved(cursor: Cursor, question: str, digest: str, times: Mapping[str, int]) -> Cursor:
    newer = {name: max(at, cursor.times.get(name, at)) for name, at in times.items()}
    return replace(cursor, digests=cursor.digests | {question: digest}, times=cursor.times | newer, at=time.time_ns())
