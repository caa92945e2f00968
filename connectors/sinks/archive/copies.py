"""Closed archive files copied to another place: a second disk, or an object store by its fsspec URL."""

import time
from collections.abc import Sequence
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # it ships no types

from streams.archive import MANIFEST, Entry

AGAIN_S = 30.0


class Copies:
    """Copies each file once; what is there with the right size is not copied again."""

    def __init__(self, url: str) -> None:
        self._filesystem, self._root = fsspec.core.url_to_fs(url)
        self._done: set[str] = set()
        self._not_before = 0.0

    def copy(self, directory: Path, entries: Sequence[Entry]) -> None:
        """Copy what is missing, then the manifest; after a failure not again for half a minute.

        Raises:
            OSError: the other place is away.
        """
        missing = [entry for entry in entries if entry.name not in self._done]
        if not missing or time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + AGAIN_S
        folder = f"{self._root}/{directory.name}"
        self._filesystem.makedirs(folder, exist_ok=True)
        for entry in missing:
            self._put(directory, folder, entry)
        self._filesystem.put_file(str(directory / MANIFEST), f"{folder}/{MANIFEST}")
        self._done |= {entry.name for entry in missing}
        self._not_before = 0.0

    def _put(self, directory: Path, folder: str, entry: Entry) -> None:
        target = f"{folder}/{entry.name}"
        if self._filesystem.exists(target) and self._filesystem.size(target) == entry.bytes:
            return
        self._filesystem.put_file(str(directory / entry.name), f"{target}.part")
        self._filesystem.mv(f"{target}.part", target)
