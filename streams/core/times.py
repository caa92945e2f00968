"""Times as senders write them -> ns since the Unix epoch, UTC, exact."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import isfinite

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
MINUTE = 60 * SECOND
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
EARLIEST = 315_532_800 * SECOND
"""1980-01-01: earlier is a clock that was never set, and ClickHouse would bend it silently."""
LATEST = 7_258_118_400 * SECOND
"""2200-01-01, exclusive: the store's last day."""

_FORM = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,30}))?)?"
    r" ?(?:[Zz]|([+-])([01][0-9]|2[0-3]):?([0-5][0-9])?)?"
).fullmatch
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH_UNITS = ((1e11, SECOND), (1e14, 1_000_000), (1e17, 1_000), (1e20, 1))
"""Below the bound a number counts in units of so many ns; 1e11 seconds is the year 5138, 1e11 ms is 1973."""


def from_text(text: str) -> int | None:
    """RFC 3339, and what comes close: a blank for the T, no seconds, no zone (then UTC); None when it is no time.

    Digits beyond the ninth of a fraction are cut; second 60 is the next minute's 0.
    """
    found = _FORM(text)
    if found is None:
        return None
    day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups()
    start = _day(day)
    if start is None:
        return None
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    if sign is not None:
        seconds -= int(sign + zone_hour) * 3600 + int(sign + (zone_minute or "0")) * 60
    return start + seconds * SECOND + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


def from_number(number: float) -> int | None:
    """Seconds, ms, µs or ns since the epoch, told apart by magnitude; fractions are exact to the µs; None: no time."""
    if isinstance(number, float) and not isfinite(number):
        return None
    for bound, unit in _EPOCH_UNITS:
        if abs(number) < bound:
            return number * unit if isinstance(number, int) else round(number * (unit / 1_000)) * 1_000
    return None


def from_any(value: object) -> int | None:
    """A text or a number as time; None for anything else and for what is no time."""
    if isinstance(value, str):
        return from_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return from_number(value)
    return None


@lru_cache(maxsize=1024)
def _day(text: str) -> int | None:
    try:
        return (date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL) * DAY
    except ValueError:
        return None


def to_text(time: int) -> str:
    """A time for people; ns as they are when no calendar holds them."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1_000)).isoformat()
    except OverflowError:
        return f"{time} ns"
