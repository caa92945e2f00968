"""Closed archive files copied to another place: a second disk, or an object store by its fsspec URL."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import fsspec  # type: ignore[import-untyped]  # it ships no types

from connectors.sinks.base import Transient
from streams.archive import MANIFEST, Entry
from streams.progress import HERE

AGAIN_S = 30.0
BLOCK_BYTES = 5 << 20
"""a sign of work after each; no store takes parts that are smaller"""


class Copies:
    """Copies each file once, one at a time; what is there with the right size is not copied again.

    Copying shares a thread with the archive itself, so it rests as long as it worked, and half a minute after a failure.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._filesystem, self._root = fsspec.core.url_to_fs(url)
        self._there: dict[str, dict[str, int]] = {}
        """by directory: the sizes of its files at the other place, in bytes"""
        self._listed: dict[str, int] = {}
        """by directory: how many files the manifest at the other place names"""
        self._not_before = 0.0
        self._interrupted = Event()

    def copy(self, directory: Path, entries: Sequence[Entry]) -> bool:
        """Copy one file of those that are missing, after the last of them the manifest; false when there was nothing to do.

        Raises:
            Transient: the other place is away, or ``interrupt`` was called.
        """
        began = time.monotonic()
        if began < self._not_before or self._listed.get(directory.name, 0) == len(entries):
            return False
        self._interrupted.clear()
        try:
            self._copy(directory, entries)
        except Exception as error:  # every file store has exceptions of its own; none may end the archive
            self._rest(began, AGAIN_S)
            raise Transient(f"cannot copy to {self._url}: {error!r}") from error
        self._rest(began)
        return True

    def forget(self, directory: Path) -> None:
        """Another process may copy its files from now on."""
        self._there.pop(directory.name, None)
        self._listed.pop(directory.name, None)

    def interrupt(self) -> None:
        """From another thread: copying ends after the block that is on its way. A later call of ``copy`` is not touched."""
        self._interrupted.set()

    def _rest(self, began: float, at_least_s: float = 0) -> None:
        now = time.monotonic()
        self._not_before = now + max(at_least_s, now - began)

    def _copy(self, directory: Path, entries: Sequence[Entry]) -> None:
        there = self._sizes(directory.name)
        missing = [entry for entry in entries if there.get(entry.name) != entry.bytes]
        for entry in missing[:1]:
            self._put(directory / entry.name)
            there[entry.name] = entry.bytes
        if len(missing) <= 1:
            self._filesystem.put_file(str(directory / MANIFEST), f"{self._root}/{directory.name}/{MANIFEST}")
            self._listed[directory.name] = len(entries)
            HERE.beat()

    def _sizes(self, name: str) -> dict[str, int]:
        """What is there; asked once."""
        if name not in self._there:
            folder, found = f"{self._root}/{name}", list[dict[str, Any]]()
            self._filesystem.makedirs(folder, exist_ok=True)
            self._filesystem.invalidate_cache(folder)
            with suppress(FileNotFoundError):  # object stores have no empty folders
                found = self._filesystem.ls(folder, detail=True)
            self._there[name] = {info["name"].rpartition("/")[2]: info["size"] for info in found}
            HERE.beat()
        return self._there[name]

    def _put(self, path: Path) -> None:
        """Copy a file, under its name only when it is whole."""
        target = f"{self._root}/{path.parent.name}/{path.name}"
        with path.open("rb") as source, self._filesystem.open(f"{target}.part", "wb", block_size=BLOCK_BYTES) as copy:
            while block := source.read(BLOCK_BYTES):
                copy.write(block)
                self._go_on()
        self._go_on()
        self._filesystem.mv(f"{target}.part", target)
        HERE.beat()

    def _go_on(self) -> None:
        HERE.beat()
        if self._interrupted.is_set():
            raise InterruptedError("interrupted")
