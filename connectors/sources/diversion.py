"""Where bodies go that Kafka refuses: a file store, and a dead letter that says where, why and with which hash."""

import asyncio
import hashlib
from pathlib import Path

import orjson

from connectors.file_names import safe
from connectors.sources.backoff import delays
from connectors.sources.body_stores import BodyStore, stores
from streams import log
from streams.core.records import DeadLetter, RawRecord
from streams.progress import HERE
from streams.settings import DiversionSettings

LOG = log.get(__name__)


class Diversion:
    """Keeps bodies in a local directory or any fsspec URL; what the URL's store does not take, in directory ``local``."""

    def __init__(self, settings: DiversionSettings, local: Path, *, first_delay_s: float = 0.5) -> None:
        self._first_delay_s = first_delay_s
        self._stores = stores(settings.url.rstrip("/"), local, first_delay_s)

    async def keep(self, record: RawRecord, reason: str, error: str) -> DeadLetter:
        """The record's dead letter, once its body is durable; tries until it is.

        The body is the payload, byte for byte. The detail is JSON with the sha256 and all else that the record held,
        so that the record can be made again.
        """
        digest = await asyncio.to_thread(_digest, record.payload)
        name = f"{digest}-{safe(record.id)}"
        for delay in delays(self._first_delay_s, 30):
            address = await self._stored(name, record.payload, delay)
            if address is not None:
                return _letter(record, reason, error, digest, address)
            await asyncio.sleep(delay)
        raise AssertionError("delays never end")

    async def _stored(self, name: str, body: bytes, retry_s: float) -> str | None:
        """The body's address in the first store that takes it."""
        for store in self._stores:
            address = await _put(store, name, body, retry_s)
            if address is not None and store is not self._stores[0]:
                LOG.warning("diverted-locally", url=self._stores[0].url, address=address)
            if address is not None:
                return address
        return None


async def _put(store: BodyStore, name: str, body: bytes, retry_s: float) -> str | None:
    try:
        return await store.put(name, body)
    except Exception as fault:  # noqa: BLE001 - every file store has exceptions of its own; none may lose a body
        HERE.waits(f"diversion store: {fault!r}")
        LOG.warning("diversion-store-failed", url=store.url, fault=repr(fault), retry_s=round(retry_s, 1))
        return None


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _letter(record: RawRecord, reason: str, error: str, digest: str, address: str) -> DeadLetter:
    detail = {
        "error": error,
        "sha256": digest,
        "bytes": len(record.payload),
        "transport": record.transport,
        "address": record.address,
        "content_type": record.content_type,
        "headers": record.headers,
        "connector": record.connector,
    }
    return DeadLetter(
        stage="door",
        reason=reason,
        detail=orjson.dumps(detail).decode(),
        raw_partition=-1,
        raw_offset=-1,
        source=record.source,
        at=record.received_at,
        body=address,
        correlation_id=record.id,
    )
