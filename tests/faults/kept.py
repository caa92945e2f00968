"""From which offsets on an installation's files must be whole: from the first, or from where somebody wiped them."""

import shutil
from pathlib import Path

from msgspec import structs

from connectors.verify.files import Since
from streams import kafka
from streams.settings import Settings

TOPICS = {"archive": "raw", "files": "readings", "device_logs": "readings"}


class Kept:
    """Of the file sinks' directories."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        whole = dict.fromkeys(range(settings.kafka.partitions), 0)
        self.since = Since(whole, whole, whole)

    def wipe(self, name: str) -> None:
        """Remove a directory while its sink is frozen: what it had committed is lost, what it had not comes again."""
        shutil.rmtree(self._directory(name), ignore_errors=True)
        self.since = structs.replace(self.since, **{name: self._committed(name)})

    def _directory(self, name: str) -> Path:
        found: Path = getattr(self._settings.files, "directory" if name == "files" else name)
        return found

    def _committed(self, name: str) -> dict[int, int]:
        settings, group = self._settings.kafka, f"sink-{name.replace('_', '-')}"
        partitions = range(settings.partitions)
        found = kafka.committed(kafka.admin(settings), settings, group, TOPICS[name], partitions)
        return dict.fromkeys(partitions, 0) | found
