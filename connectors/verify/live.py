"""A system that works goes on while it is compared: what the store has from later raw records is left out, on both sides.

Pure. The log is read up to ``ends``; rows of records from there on are newer than the check.
"""

from collections.abc import Collection, Mapping

from connectors.verify.expected import Contents, LetterKey, Point, PointKey
from streams.core.identity import version_parts
from streams.core.times import SECOND


def newer_points(found: Contents, ends: Mapping[int, int]) -> set[PointKey]:
    """Keys whose row comes from a raw record that was not read."""
    return {key for key, point in found.points.items() if _is_newer(point, ends)}


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


def is_newer_letter(letter: LetterKey, ends: Mapping[int, int]) -> bool:
    """Whether the letter is about a raw record that was not read."""
    _, _, partition, offset, _ = letter
    return partition in ends and offset >= ends[partition]


def _is_newer(point: Point, ends: Mapping[int, int]) -> bool:
    _, lineage = version_parts(point.version)
    return lineage.partition in ends and lineage.offset >= ends[lineage.partition]


def _start(time: int, window: int) -> int:
    length = window * SECOND
    return time // length * length
