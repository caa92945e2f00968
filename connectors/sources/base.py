"""The edge between the world and `raw`: one small protocol, and how a door learns what became of a record."""

from typing import Protocol

from streams.core.records import RawRecord


class Full(Exception):
    """Nothing can take the record now: do not acknowledge it, let the sender try again."""


class RawWriter(Protocol):
    """Makes raw records durable. Laws: `tests/contracts/test_raw_writer.py`."""

    async def write(self, record: RawRecord) -> None:
        """Return when the record is durable (in `raw`, the spool, or the diversion store); may be called concurrently.

        Raises:
            Full: it is not durable and will not become so; the sender must not get an acknowledgement.
        """

    async def close(self) -> None:
        """Finish what is under way; safe to call twice."""
