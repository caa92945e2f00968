"""IoTa's mapping rows -> lawful histories. Pure.

IoTa lets several rows of a device be open at once, and ends the old one some milliseconds after the new one started; what it
goes by is the newest start. So do we, at every moment: of the rows that hold then, newest first, each counts whose two
devices are still free. A row may so be shortened, split, or never count; each that differs is a repair.

A paused row says only that it is paused now: it is paused from when its logical device was last seen, for IoTa stopped
telling it then. ``is_active`` of rows that have ended says nothing: IoTa changes it in all of history.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from streams.core.records import Interval, Pause
from streams.core.times import to_text


class Mapped(Struct, frozen=True):
    """A row of ``physical_logical_map``; times in ns."""

    physical_uid: int
    logical_uid: int
    start: int
    end: int | None
    active: bool = True


class Resolved(Struct, frozen=True):
    """Physical uid -> its history, by start; and what differs from the rows: physical uid and a sentence."""

    intervals: dict[int, list[Interval]]
    repairs: list[tuple[int, str]]


Span = tuple[int, int | None]


def resolve(rows: Sequence[Mapped], logical_seen: Mapping[int, int | None]) -> Resolved:
    """``logical_seen``: when each logical device was last seen."""
    intervals: dict[int, list[Interval]] = {}
    repairs = []
    for group in _connected(rows):
        spans = _spans(group)
        for row, own in spans.items():
            made = [Interval(row.logical_uid, start, end) for start, end in own]
            if made and made[-1].end is None and not row.active:
                made[-1] = _paused(made[-1], logical_seen.get(row.logical_uid))
            intervals.setdefault(row.physical_uid, []).extend(made)
            if own != [(row.start, row.end)]:
                repairs.append((row.physical_uid, _repair(row, own)))
    for own_intervals in intervals.values():
        own_intervals.sort(key=lambda interval: interval.start)
    return Resolved(intervals, repairs)


def _connected(rows: Iterable[Mapped]) -> Iterator[list[Mapped]]:
    """Rows that share devices, directly or through others."""
    by_side: dict[tuple[str, int], list[Mapped]] = {}
    for row in rows:
        for side in _sides(row):
            by_side.setdefault(side, []).append(row)
    for first in list(by_side):
        group: dict[Mapped, None] = {}
        waiting = [first] if first in by_side else []
        while waiting:
            for row in by_side.pop(waiting.pop(), ()):
                if row not in group:
                    group[row] = None
                    waiting.extend(_sides(row))
        if group:
            yield list(group)


def _sides(row: Mapped) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("physical", row.physical_uid), ("logical", row.logical_uid)


def _spans(group: Sequence[Mapped]) -> dict[Mapped, list[Span]]:
    """When each row counts."""
    newest_first = sorted(group, key=lambda r: (r.start, r.end is None, r.logical_uid, r.physical_uid), reverse=True)
    spans: dict[Mapped, list[Span]] = {row: [] for row in sorted(group, key=lambda r: (r.start, r.physical_uid))}
    cuts = sorted({row.start for row in group} | {row.end for row in group if row.end is not None})
    for start, end in [*pairwise(cuts), (cuts[-1], None)]:
        for row in _counting(newest_first, start):
            _extend(spans[row], start, end)
    return spans


def _counting(newest_first: Iterable[Mapped], at: int) -> Iterator[Mapped]:
    taken: set[tuple[str, int]] = set()
    for row in newest_first:
        if row.start <= at and (row.end is None or at < row.end) and taken.isdisjoint(_sides(row)):
            taken.update(_sides(row))
            yield row


def _extend(spans: list[Span], start: int, end: int | None) -> None:
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))


def _paused(interval: Interval, seen: int | None) -> Interval:
    since = interval.start if seen is None else max(seen + 1, interval.start)
    return Interval(interval.logical_uid, interval.start, None, [Pause(since)])


def _repair(row: Mapped, spans: Sequence[Span]) -> str:
    what = f"physical {row.physical_uid} to logical {row.logical_uid}, {_shown(row.start, row.end)}"
    if not spans:
        return f"{what}: never counted, because newer mappings of the two held all the time"
    return f"{what}: holds {' and '.join(_shown(*span) for span in spans)}, because a newer mapping took one of the two"


def _shown(start: int, end: int | None) -> str:
    return f"{to_text(start)} to {'now' if end is None else to_text(end)}"
