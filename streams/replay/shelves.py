"""The raw archives of an installation, as one: what the first cannot give is looked for in the next."""

import time
from collections.abc import Iterator

from streams import archive
from streams.archive import Archived, Hole
from streams.settings import Settings

BACK_OFF_S = (0.5, 1, 2, 5)


def urls(settings: Settings, named: str | None) -> list[str]:
    """Where to look: the archive (the one that is named, else that of the settings), then its copy."""
    copy = settings.files.archive_copy
    return [named or str(settings.files.archive), *([copy] if copy else [])]


def read(archives: list[str], partition: int, start: int, end: int) -> Iterator[Archived | Hole]:
    """As ``streams.archive.read``, over all of them.

    Raises:
        OSError: an archive is away, and was still so after some seconds.
    """
    for found in _patiently(archives[0], partition, start, end):
        if isinstance(found, Hole) and archives[1:]:
            for other in read(archives[1:], partition, found.first, found.last + 1):
                yield _told(found, other) if isinstance(other, Hole) else other
        else:
            yield found


def gaps(archives: list[str], partition: int, start: int, end: int) -> list[Hole]:
    """The holes that ``read`` would give, but for damage that only reading shows.

    Raises:
        OSError: an archive is away.
    """
    found = archive.gaps(archives[0], partition, start, end)
    if not archives[1:]:
        return found
    return [_told(h, other) for h in found for other in gaps(archives[1:], partition, h.first, h.last + 1)]


def since(archives: list[str], partition: int, moment: int) -> int:
    """An offset before which no archived record was appended at or after ``moment`` (ns); 0 when that is not known."""
    return max(archive.since(url, partition, moment) for url in archives)


def _patiently(url: str, partition: int, start: int, end: int) -> Iterator[Archived | Hole]:
    """From where it broke off, again, a few times."""
    for back_off in (*BACK_OFF_S, None):
        try:
            for found in archive.read(url, partition, start, end):
                yield found
                start = (found.last if isinstance(found, Hole) else found.offset) + 1
        except OSError:
            if back_off is None:
                raise
            time.sleep(back_off)
        else:
            return


def _told(first: Hole, second: Hole) -> Hole:
    """Why neither has it."""
    if first.why == second.why:
        return second
    return Hole(second.partition, second.first, second.last, f"{first.why}; copy: {second.why}")
