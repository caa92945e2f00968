"""Rows of a spool that hold no record: their bytes go into files, so that the rows behind them can go on."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from connectors.sources.base import Done
from connectors.sources.body_stores import Directory
from connectors.sources.spool_database import Row
from streams import avro, log
from streams.core.records import DeadLetter, RawRecord

LOG = log.get(__name__)

Tell = Callable[[DeadLetter, Done], object]
"""Sends a letter; ``Done`` is called when it is durable."""


class Aside:
    """Keeps them in ``directory``."""

    def __init__(self, directory: Path, connector: str) -> None:
        self._store, self._connector = Directory(directory), connector

    async def keep(self, row: Row, error: avro.AvroError) -> DeadLetter:
        """What is to be told of it, once its bytes are durable.

        Raises:
            OSError: they are not.
        """
        digest = hashlib.sha256(row.value).hexdigest()
        address = await self._store.put(f"{digest}-row-{row.number}", row.value)
        LOG.error("spool-row-unreadable", connector=self._connector, row=row.number, body=address, error=str(error))
        detail = {
            "error": str(error), "sha256": digest, "bytes": len(row.value), "connector": self._connector,
            "spool_row": row.number,
        }  # fmt: skip
        return DeadLetter(
            stage="door",
            reason=error.reason,
            detail=orjson.dumps(detail).decode(),
            raw_partition=-1,
            raw_offset=-1,
            at=time.time_ns(),
            body=address,
        )


def opened(row: Row) -> RawRecord:
    """The record of a row.

    Raises:
        AvroError: it holds none.
        MemoryError: nobody knows.
    """
    try:
        return avro.decode(row.value, RawRecord)
    except avro.AvroError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        raise
