"""A system that works goes on while it is compared: what the store has from later raw records is left out, on both sides.

Pure. The log is read up to ``ends``; rows of records from there on are newer than the check, as far as there are such records:
``now`` is where the log ended when the store had been read. A row of a record that the log does not have is left for the judge.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from connectors.verify.expected import Contents, LetterKey, Point, PointKey
from streams.core.identity import version_parts
from streams.core.times import SECOND

Ends = Mapping[int, int]
"""raw partition -> the offset after its last"""


def newer_points(found: Contents, ends: Ends, now: Ends) -> set[PointKey]:
    """Keys whose row comes from a raw record that was not read."""
    return {key for key, point in found.points.items() if _is_newer(point, ends, now)}


def without(contents: Contents, newer: Collection[PointKey], windows: Collection[int]) -> Contents:
    """The contents without these points and without everything that is made of them."""
    if not newer:
        return contents
    touched = {(series, window, _start(time, window)) for series, time in newer for window in windows}
    series = {series for series, _ in newer}
    return Contents(
        points={key: point for key, point in contents.points.items() if key not in newer},
        dead_letters=contents.dead_letters,
        aggregates={key: fold for key, fold in contents.aggregates.items() if key not in touched},
        latest={key: newest for key, newest in contents.latest.items() if key not in series},
        names=contents.names,
        masked=contents.masked,
    )


def older_letters(letters: Counter[LetterKey], ends: Ends, now: Ends) -> Counter[LetterKey]:
    """Those of the letters that are not about a raw record that was not read."""
    return Counter({key: count for key, count in letters.items() if not _is_between(key[2], key[3], ends, now)})


def _is_newer(point: Point, ends: Ends, now: Ends) -> bool:
    _, lineage = version_parts(point.version)
    return _is_between(lineage.partition, lineage.offset, ends, now)


def _is_between(partition: int, offset: int, ends: Ends, now: Ends) -> bool:
    return partition in ends and ends[partition] <= offset < now.get(partition, 0)


def _start(time: int, window: int) -> int:
    length = window * SECOND
    return time // length * length
