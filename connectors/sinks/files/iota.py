"""IoTa's layout: `<directory>/raw_data/<correlation id>/<correlation id>.json`, one file per message.

A file appears whole under its name: written beside it, synced, renamed, the directory synced. A raw record may give
several messages (sub-devices of a logger, a re-mapping within its readings); the first keeps IoTa's name, the others
are `<correlation id>-<index>.json` and `<correlation id>-<index>-<logical uid>.json`.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from connectors.disk import sync, write_anew
from connectors.file_names import safe
from connectors.sinks.files.message import body
from connectors.sinks.outgoing import Message
from streams.core.records import Reading

RAW_DATA = "raw_data"
WRITERS = 8
"""files are synced side by side: the disk commits them together"""


class IotaLayout:
    """Writes messages; the same message twice gives the same file. ``permissive``: others may read and delete."""

    def __init__(self, directory: Path, *, permissive: bool) -> None:
        self._root = directory / RAW_DATA
        self._directory_mode, self._file_mode = (0o777, 0o666) if permissive else (0o755, 0o644)
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="files")

    def write(self, records: Sequence[Sequence[Message]]) -> int:
        """Write the messages of each record; return when all are durable: how many there are.

        Raises:
            OSError: the directory is away, full or read-only.
        """
        # By name: a batch may hold a record twice, and two threads must not write one file.
        wanted = {name: message for found in records for name, message in named(found)}
        if wanted:
            self._make_directories({name.partition("/")[0] for name in wanted})
            list(self._writers.map(self._write, wanted.keys(), wanted.values()))
        return len(wanted)

    def close(self) -> None:
        """End the writer threads; safe to call twice."""
        self._writers.shutdown()

    def _make_directories(self, names: Iterable[str]) -> None:
        self._make(self._root)
        for name in names:
            self._make(self._root / name)
        sync(self._root)

    def _make(self, path: Path) -> None:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(self._directory_mode)

    def _write(self, name: str, message: Message) -> None:
        write_anew(self._root / name, [content(message)], self._file_mode)


def named(found: Sequence[Message]) -> Iterable[tuple[str, Message]]:
    """The messages of one record, each with the name of its file below ``RAW_DATA``."""
    for number, message in enumerate(found):
        stem = directory(message.reading)
        yield f"{stem}/{stem}{_suffix(message, number)}.json", message


def directory(reading: Reading) -> str:
    """Where the files of a raw record's readings are, below ``RAW_DATA``."""
    return safe(reading.correlation_id)


def content(message: Message) -> bytes:
    """What the message's file holds."""
    return orjson.dumps(body(message))


def _suffix(message: Message, number: int) -> str:
    if number:
        return f"-{message.reading.index}-{message.logical_uid}"
    return f"-{message.reading.index}" if message.reading.index else ""
