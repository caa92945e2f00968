"""A RawWriter without Kafka: it keeps records in a list, and confirms them when it is told to."""

import asyncio

from connectors.sources.base import Done, Full, settle
from streams.core.records import RawRecord


class MemoryWriter:
    """The twin of the Kafka writer for tests of doors. ``away`` makes it hold records unconfirmed."""

    def __init__(self, *, room: int = 1_000_000, confirm_s: float = 0.05) -> None:
        self.records: list[RawRecord] = []
        self.away = self._closed = False
        self._room, self._confirm_s = room, confirm_s
        self._held: list[tuple[RawRecord, Done]] = []

    def has_room(self) -> bool:
        """See RawWriter."""
        return len(self._held) < self._room

    def submit(self, record: RawRecord, done: Done) -> None:
        """See RawWriter."""
        if self._closed:
            raise Full("closed")
        self._held.append((record, done))
        if not self.away:
            asyncio.get_running_loop().call_soon(self.confirm)

    async def write(self, record: RawRecord) -> None:
        """See RawWriter."""
        if not self.has_room():
            raise Full("no room")
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(record, lambda: settle(durable))
        try:
            async with asyncio.timeout(self._confirm_s if self.away else None):
                await durable
        except TimeoutError:
            raise Full("not confirmed") from None

    def confirm(self) -> None:
        """Confirm what is held, in order."""
        held, self._held = self._held, []
        for record, done in held:
            self.records.append(record)
            done()

    def back(self) -> None:
        """Be away no longer."""
        self.away = False
        self.confirm()

    async def close(self) -> None:
        """See RawWriter."""
        self._closed = True
        if not self.away:
            self.confirm()
