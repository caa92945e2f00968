"""The edge between the world and `raw`: one small protocol, and how a door learns what became of a record."""

from asyncio import Future
from collections.abc import Callable
from typing import Protocol

from streams.core.records import RawRecord

Done = Callable[[], object]
"""Called once, on the event loop, when a record is durable; never called for one that is not."""

Key = Callable[[RawRecord], str | None]
"""The Kafka key of a record that its source knows, else None; total."""


class Full(Exception):
    """Nothing can take the record now: do not acknowledge it, let the sender try again."""


class RawWriter(Protocol):
    """Makes raw records durable. Laws: `tests/contracts/test_raw_writer.py`. Used from one event loop."""

    def submit(self, record: RawRecord, done: Done) -> None:
        """Take the record and call ``done`` when it is durable, however long that takes; no task per record.

        Always takes it: a door that cannot refuse looks at ``has_room`` before it reads more.

        Raises:
            Full: the writer is closed.
        """

    async def write(self, record: RawRecord) -> None:
        """Return when the record is durable (in `raw`, the spool, or the diversion store); may be called concurrently.

        Raises:
            Full: it is not durable, so the sender must not get an acknowledgement (it may become so all the same).
        """

    def has_room(self) -> bool:
        """Whether the process may hold another record; false when the bound of records or bytes is reached."""

    async def close(self) -> None:
        """Finish what is under way, as far as it can be; safe to call twice."""


def settle(durable: "Future[None]", fault: Exception | None = None) -> None:
    """Let a waiting ``write`` go on; one whose sender went away has been cancelled."""
    if durable.done():
        return
    if fault is None:
        durable.set_result(None)
    else:
        durable.set_exception(fault)
