"""Where bodies go that Kafka refuses: a file store, and a dead letter that says where, why and with which hash."""

import asyncio
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

import fsspec  # type: ignore[import-untyped]  # has no stubs
import orjson

from connectors.file_names import safe
from connectors.sources.backoff import delays
from streams import log
from streams.core.records import DeadLetter, RawRecord
from streams.progress import HERE
from streams.settings import DiversionSettings

LOG = log.get(__name__)


class Diversion:
    """Keeps bodies in a local directory or any fsspec URL."""

    def __init__(self, settings: DiversionSettings, *, first_delay_s: float = 0.5) -> None:
        self._url, self._first_delay_s = settings.url.rstrip("/"), first_delay_s

    async def keep(self, record: RawRecord, reason: str, error: str) -> DeadLetter:
        """The record's dead letter, once its body is durable; tries until it is.

        The body is the payload, byte for byte. The detail is JSON with the sha256 and all else that the record held,
        so that the record can be made again.
        """
        for delay in delays(self._first_delay_s, 30):
            try:
                digest, address = await asyncio.to_thread(self._store, record)
                return _letter(record, reason, error, digest, address)
            except Exception as fault:  # noqa: BLE001 - every file store has exceptions of its own; none may lose a body
                HERE.waits(f"diversion store: {fault!r}")
                LOG.warning("diversion-store-failed", url=self._url, fault=repr(fault), retry_s=round(delay, 1))
                await asyncio.sleep(delay)
        raise AssertionError("delays never end")

    def _store(self, record: RawRecord) -> tuple[str, str]:
        digest = hashlib.sha256(record.payload).hexdigest()
        name = f"{digest}-{safe(record.id)}"
        scheme = urlsplit(self._url).scheme
        if scheme in {"", "file"}:
            return digest, _store_local(Path(self._url.removeprefix("file://")), name, record.payload)
        address = f"{self._url}/{name}"
        filesystem, path = fsspec.url_to_fs(address)
        filesystem.pipe_file(path, record.payload)
        return digest, address


def _store_local(directory: Path, name: str, body: bytes) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = (directory / name).absolute()
    temporary = path.with_name(f"{name}.partial")
    with temporary.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
    _sync_directory(directory)
    return path.as_uri()


def _sync_directory(directory: Path) -> None:
    """A renamed file is durable only once its directory is."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
