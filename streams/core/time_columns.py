"""Thousands of times as senders write them -> int64 ns, as ``core.times.from_text`` reads each, column by column.

The common form, `2026-01-03T07:01:01.000000123-03:00` with any number of digits up to nine, is read in numpy: texts of
one length have every part at one place. Whatever differs from it in one character is left to ``from_text``. A batch of
thousands is of a second or two: these are read once, and of each text only the fraction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.block import Times
from streams.core.times import DAY, SECOND, from_text

NO_TIME = -(2**63)
"""stands for a text that is no time"""
MOST = 2**63 - 1
"""what lies outside of int64 becomes the nearest that does not: the core says that it is out of range"""
FIRST_YEAR, LAST_YEAR = 1700, 2250
"""years that int64 holds whole; others are left to ``from_text``"""

SECONDS = 4
"""of as many different seconds the fractions are read by themselves; texts of more are read part by part"""

_DATE_TIME = "0000-00-00T00:00:00"
_MONTH_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_ZERO, _NINE, _Z, _COLON, _POINT = b"09Z:."
_ZONES = b"Z+-"
_TENS = 10 ** np.arange(8, -1, -1)
_DAYS_TO_1970 = 719_468
"""from 0000-03-01, where years begin so that a leap day is the last"""

_Texts = NDArray[np.uint8]
_Numbers = NDArray[Any]


def from_texts(texts: Sequence[str]) -> Times:
    """The time of each text, ``NO_TIME`` where there is none."""
    found = np.full(len(texts), NO_TIME, np.int64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    joined = "".join(texts).encode("utf-8", "replace")
    read = np.zeros(len(texts), np.bool_)
    if len(joined) == int(lengths.sum()):
        _read_columns(np.frombuffer(joined, np.uint8), lengths, found, read)
    for place in np.flatnonzero(~read).tolist():
        time = from_text(texts[place])
        if time is not None:
            found[place] = min(max(time, -MOST), MOST)
    return found


def _read_columns(joined: _Texts, lengths: Times, found: Times, read: NDArray[np.bool_]) -> None:
    """Read every text of the common form; ``read`` says which those were."""
    starts = np.cumsum(lengths) - lengths
    for zone, alike in _alike(joined, starts, lengths):
        places, length = alike, int(lengths[alike[0]])
        whole = len(places) == len(lengths)
        table = joined.reshape(-1, length) if whole else joined[starts[places][:, None] + np.arange(length)]
        for _ in range(SECONDS):
            same, good, times = _of_one_second(table, length - len(zone))
            found[places[good]], read[places[good]] = times[good], True
            if same.all():
                break
            places, table = places[~same], table[~same]
        else:
            times, good = _times(table, len(_DATE_TIME), length - len(zone), zone)
            found[places[good]], read[places[good]] = times[good], True


def _alike(joined: _Texts, starts: Times, lengths: Times) -> Iterator[tuple[str, Times]]:
    """Texts of one length and kind of zone, which may be of the common form."""
    for length in np.unique(lengths).tolist():
        if not len(_DATE_TIME) < length <= len(_DATE_TIME) + 16:
            continue
        same = np.flatnonzero(lengths == length)
        in_utc = joined[starts[same] + length - 1] == _Z
        for zone, places in (("Z", same[in_utc]), ("+00:00", same[~in_utc])):
            digits = length - len(_DATE_TIME) - len(zone) - 1
            if len(places) and (digits == -1 or 0 < digits <= 9):
                yield zone, places


def _of_one_second(table: _Texts, zone_at: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Times]:
    """Which texts differ from the first in their fraction only, which of them count, and their times."""
    point = len(_DATE_TIME)
    apart = np.ones(table.shape[1], np.bool_)
    apart[point + 1 : zone_at] = False
    same: NDArray[np.bool_] = (table[:, apart] == table[0, apart]).all(axis=1)
    first, digits = table[0].tobytes(), zone_at - point - 1
    start = from_text((first[:point] + first[zone_at:]).decode())
    if start is None or abs(start) > MOST - SECOND or first[16] != _COLON or first[zone_at] not in _ZONES:
        return same, np.zeros(len(table), np.bool_), np.zeros(len(table), np.int64)
    if digits == -1:
        return same, same, np.full(len(table), start)
    fraction = table[:, point + 1 : zone_at] - np.uint8(_ZERO)
    good = same & (fraction <= 9).all(axis=1) & (first[point] == _POINT)
    return same, good, start + fraction.astype(np.int64) @ _TENS[-digits:] * 10 ** (9 - digits)


def _times(table: _Texts, second: int, zone_at: int, zone: str) -> tuple[Times, NDArray[np.bool_]]:
    """Times, and which of them count. The fraction stands between the second and the zone."""
    digits = zone_at - second - 1
    form = _DATE_TIME + ("." + "0" * digits if digits > 0 else "") + zone
    sign = table[:, zone_at]
    good = _has_form(table, form, zone_at)
    good &= (sign == _Z) if zone == "Z" else (sign == ord("+")) | (sign == ord("-"))
    year, month, day = _number(table, 0, 4), _number(table, 5, 7), _number(table, 8, 10)
    hour, minute, seconds = _number(table, 11, 13), _number(table, 14, 16), _number(table, 17, 19)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    month_days = _MONTH_DAYS[np.minimum(month, 12)] - ((month == 2) & ~leap)
    good &= (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month > 0) & (month <= 12) & (day > 0) & (day <= month_days)
    good &= (hour < 24) & (minute < 60) & (seconds < 60)
    if zone != "Z":
        zone_hour, zone_minute = _number(table, zone_at + 1, zone_at + 3), _number(table, zone_at + 4, zone_at + 6)
        good &= (zone_hour < 24) & (zone_minute < 60)
        east = np.where(sign == ord("-"), -1, 1)
        hour, minute = hour - east * zone_hour, minute - east * zone_minute
    times = (_days(year, month, day) * DAY) + (hour * 3600 + minute * 60 + seconds) * SECOND
    if digits > 0:
        times += _number(table, second + 1, zone_at) * 10 ** (9 - digits)
    return times, good


def _has_form(table: _Texts, form: str, zone_at: int) -> NDArray[np.bool_]:
    """Digits where the form has a 0, else its own characters; the zone's first is looked at elsewhere."""
    digit = np.array([c == "0" for c in form])
    other = np.array([c != "0" and place != zone_at for place, c in enumerate(form)])
    own = np.frombuffer(form.encode(), np.uint8)[other]
    numbers = table[:, digit]
    good: NDArray[np.bool_] = ((numbers >= _ZERO) & (numbers <= _NINE)).all(axis=1) & (table[:, other] == own).all(
        axis=1
    )
    return good


def _number(table: _Texts, first: int, end: int) -> _Numbers:
    """The number that the digits from ``first`` to ``end`` (excluded) write."""
    number = np.zeros(len(table), np.int64)
    for place in range(first, end):
        number = number * 10 + (table[:, place] - np.uint8(_ZERO))
    return number


def _days(year: _Numbers, month: _Numbers, day: _Numbers) -> _Numbers:
    """Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March."""
    year = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days: _Numbers = year * 365 + year // 4 - year // 100 + year // 400 + of_year - _DAYS_TO_1970
    return days
