"""What a damaged file lost though it was committed: the file is put aside, and the log is read again from there.

What there is to read again is noted in the directory of the partition until all of it is written, since whoever writes it
may be killed.
"""

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.disk import write_anew
from streams import log

NOTE = ".again"
PART_BYTES = 1 << 20

logger = log.get(__name__)


class Stretch(Struct, frozen=True):
    """Offsets from ``first`` up to ``until`` (excluded)."""

    first: int = 0
    until: int = 0


class Lost:
    """Of one partition's directory, which the caller owns.

    Raises (each method):
        OSError: the disk is away, full or read-only.
    """

    def __init__(self, directory: Path) -> None:
        self._note = directory / NOTE
        self.stretch = _read(self._note)

    def put_aside(self, damaged: Path, first: int, until: int) -> None:
        """Keep a copy of a damaged file, which may be cut then, and note that this stretch has to be read again."""
        self.stretch = Stretch(min(first, self.stretch.first) if self.stretch.until else first, until)
        write_anew(self._note, [msgspec.json.encode(self.stretch)])
        aside = put_aside(damaged)
        told = {"path": str(damaged), "put_aside": str(aside), "again_from": first, "up_to": until}
        logger.error("file-damaged", **told, consequence="what it lost is read from the log again")

    def again(self, following: int) -> int | None:
        """From where the log is to be read again where the files end before ``following``; None: nothing is lost."""
        first = max(following, self.stretch.first)
        return first if first < self.stretch.until else None

    def written(self, following: int) -> None:
        """Everything before offset ``following`` is durable."""
        if self.stretch.until and following >= self.stretch.until:
            self._note.unlink(missing_ok=True)
            self.stretch = Stretch()


def put_aside(path: Path) -> Path:
    """A durable copy beside it under a name that nobody reads; the same content is copied once."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    aside = path.with_name(f"{path.name}.damaged-{digest[:12]}")
    if not aside.exists():
        with path.open("rb") as file:
            write_anew(aside, iter(lambda: file.read(PART_BYTES), b""))
    return aside


def _read(path: Path) -> Stretch:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Stretch)
    except (FileNotFoundError, ValueError):  # damaged, too
        return Stretch()
