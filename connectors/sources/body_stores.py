"""Where diverted bodies lie: a directory of this machine, or a file store elsewhere, which may be away."""

import asyncio
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import fsspec  # type: ignore[import-untyped]  # has no stubs

from connectors.disk import sync
from connectors.sources.backoff import delays
from streams import log
from streams.progress import HERE

LOG = log.get(__name__)

TRIES, PUT_S = 3, 60.0
REST_S = 60.0
"""So long a store that took nothing is not asked again: each body would wait for its tries."""
THREADS = 4


class BodyStore(Protocol):
    """Keeps bodies by name."""

    url: str

    async def put(self, name: str, body: bytes) -> str | None:
        """The body's address, once it is durable; None: another store should be asked. Raises whatever the store raises."""


class Directory:
    """A directory of this machine; made when it is needed."""

    def __init__(self, path: Path) -> None:
        self.url, self._path = str(path), path

    async def put(self, name: str, body: bytes) -> str:
        """See BodyStore."""
        return await asyncio.to_thread(_write, self._path, name, body)


class Elsewhere:
    """Any fsspec URL. It is tried ``TRIES`` times for a body, within ``PUT_S``; then it rests for ``REST_S``."""

    def __init__(self, url: str, first_delay_s: float) -> None:
        self.url, self._first_delay_s = url, first_delay_s
        self._threads = ThreadPoolExecutor(THREADS, "diversion")  # own ones: who never answers keeps them
        self._rests_until = -math.inf

    async def put(self, name: str, body: bytes) -> str | None:
        """See BodyStore."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(PUT_S):
                address = await self._tried(name, body)
        except Exception:
            self._rests_until = time.monotonic() + REST_S
            raise
        self._rests_until = -math.inf
        return address

    async def _tried(self, name: str, body: bytes) -> str:
        for delay in islice(delays(self._first_delay_s, 30), TRIES - 1):
            try:
                return await self._piped(name, body)
            except Exception as fault:  # noqa: BLE001 - every file store has exceptions of its own
                HERE.waits(f"diversion store: {fault!r}")
                LOG.warning("diversion-store-failed", url=self.url, fault=repr(fault), retry_s=round(delay, 1))
                await asyncio.sleep(delay)
        return await self._piped(name, body)

    async def _piped(self, name: str, body: bytes) -> str:
        address = f"{self.url}/{name}"
        await asyncio.get_running_loop().run_in_executor(self._threads, _pipe, address, body)
        return address


def stores(url: str, local: Path, first_delay_s: float) -> list[BodyStore]:
    """Those that may keep a body, in their order: ``url``, and ``local`` where that is not of this machine."""
    if urlsplit(url).scheme in {"", "file", "local"}:
        return [Directory(Path(url.removeprefix("file://").removeprefix("local://")))]
    return [Elsewhere(url, first_delay_s), Directory(local)]


def _pipe(address: str, body: bytes) -> None:
    filesystem, path = fsspec.url_to_fs(address)
    filesystem.pipe_file(path, body)


def _write(directory: Path, name: str, body: bytes) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = (directory / name).absolute()
    temporary = path.with_name(f"{name}.partial")
    try:
        _write_durably(temporary, body)
    except OSError:
        temporary.unlink(missing_ok=True)  # what a full disk took of it would keep it full
        raise
    temporary.replace(path)
    sync(directory)
    return path.as_uri()


def _write_durably(path: Path, body: bytes) -> None:
    with path.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
