"""IoTa's values as PostgreSQL writes them -> ours. Pure."""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from streams.core.records import Location
from streams.core.sender import LATITUDE_LIMIT, LONGITUDE_LIMIT, coordinate
from streams.core.times import from_text

POINT, HAS_SRID = 1, 0x20000000
LATEST = 2**63 - 1


class Unfit(ValueError):
    """A value that is not what its column should hold."""


def number(text: str | None) -> int:
    """An integer.

    Raises:
        Unfit: it is none, or null.
    """
    try:
        return int(text or "")
    except ValueError:
        raise Unfit(f"{text!r} is no number") from None


def time(text: str | None) -> int | None:
    """ns since the epoch; None for null and for infinity.

    Raises:
        Unfit: it is no time, or one that 64 bits of ns do not hold.
    """
    if text is None or text in {"infinity", "-infinity"}:
        return None
    found = from_text(text)
    if found is None or abs(found) > LATEST:
        raise Unfit(f"{text!r} is no time")
    return found


def truth(text: str | None, default: bool) -> bool:  # noqa: FBT001 - the value of a missing column
    """A boolean; null is the default."""
    return default if text is None else text.lower() in {"t", "true", "1"}


def tree(text: str | None) -> dict[str, Any]:
    """A JSON object; null is an empty one.

    Raises:
        Unfit: it is none.
    """
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise Unfit("no JSON") from None
    if not isinstance(found, dict):
        raise Unfit("no JSON object")
    return found


def texts(told: Mapping[str, Any]) -> dict[str, str]:
    """Source ids as a device's own messages give them: what is no text becomes JSON, null is left out."""
    named = {name: value for name, value in told.items() if value is not None}
    return {n: value if isinstance(value, str) else msgspec.json.encode(value).decode() for n, value in named.items()}


def location(text: str | None) -> Location | None:
    """A point in PostGIS' binary form as hexadecimal digits, or an object with lat and long, as older versions had.

    Its datum, GDA94, is within two metres of WGS 84 and taken for it.

    Raises:
        Unfit: it is neither, or no place on earth.
    """
    if text is None:
        return None
    latitude, longitude = _of_json(text) if text.startswith("{") else _of_wkb(text)
    if latitude is None or longitude is None or math.isnan(latitude + longitude):
        return None
    place = coordinate(latitude, LATITUDE_LIMIT), coordinate(longitude, LONGITUDE_LIMIT)
    if place[0] is None or place[1] is None:
        raise Unfit(f"{latitude}, {longitude} is no place on earth")
    return Location(place[0], place[1])


def _of_json(text: str) -> tuple[float | None, float | None]:
    told = tree(text)
    place = told.get("lat"), told.get("long")
    if not all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in place):
        raise Unfit("no lat and long")
    return place


def _of_wkb(text: str) -> tuple[float, float]:
    """Source of the layout: OGC 06-103r4, 8.2; PostGIS' flag for an SRID."""
    try:
        data = bytes.fromhex(text)
        order = "<" if data[0] == 1 else ">"
        kind = struct.unpack_from(f"{order}I", data, 1)[0]
        x, y = struct.unpack_from(f"{order}dd", data, 9 if kind & HAS_SRID else 5)
    except (ValueError, IndexError, struct.error):
        raise Unfit("no point") from None
    if kind & 0xFF != POINT:
        raise Unfit("no point")
    return y, x
