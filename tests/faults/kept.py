"""From which offsets on an installation's files must be whole: from the first, or from where somebody wiped them."""

import shutil
from pathlib import Path

from msgspec import structs

from connectors.verify.files import Since
from streams import kafka
from streams.commits import Commits
from streams.scan import ends_of
from streams.settings import Settings

TOPICS = {"archive": "raw", "files": "readings", "device_logs": "readings"}


class Kept:
    """Of the file sinks' directories."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        whole = dict.fromkeys(range(settings.kafka.partitions), 0)
        self.since = Since(whole, whole, whole)

    def wipe(self, name: str) -> None:
        """Remove a directory while its sink is frozen, to be killed: what it had committed is lost, the rest comes again."""
        self._remove(name, self._committed(name))

    def wipe_under(self, name: str) -> None:
        """Remove a directory while its sink is frozen, to go on: it may just have synced what it is about to commit."""
        self._remove(name, self._ends(name))

    def _remove(self, name: str, since: dict[int, int]) -> None:
        shutil.rmtree(self._directory(name), ignore_errors=True)
        self.since = structs.replace(self.since, **{name: since})

    def _directory(self, name: str) -> Path:
        found: Path = getattr(self._settings.files, "directory" if name == "files" else name)
        return found

    def _ends(self, name: str) -> dict[int, int]:
        settings = self._settings.kafka
        reader = kafka.consumer(settings, None)
        try:
            return ends_of(reader, kafka.topic(settings, TOPICS[name]))
        finally:
            reader.close()

    def _committed(self, name: str) -> dict[int, int]:
        settings, group = self._settings.kafka, f"sink-{name.replace('_', '-')}"
        partitions = range(settings.partitions)
        with Commits(settings) as commits:
            return dict.fromkeys(partitions, 0) | commits.of(group, TOPICS[name], partitions)
