"""What series are called: a point whose series has no row in `series` is in no view. Pure.

A series' id is made of device and name. So a row of `series` tells by itself whether it is right, also where the log no
longer says which series it is.
"""

from collections.abc import Iterable, Mapping

from connectors.verify.expected import Name, PointKey
from streams.core.identity import series_id

UNKNOWN = Name("", "")
"""of a series that only the store has, without a row that fits"""


def expected(points: Iterable[PointKey], told: Mapping[int, Name], found: Mapping[int, Name]) -> dict[int, Name]:
    """What the series of these points must be called; ``told`` by the log, ``found`` in the store."""
    return {series: told.get(series) or _proven(series, found) for series in {series for series, _ in points}}


def asked(wanted: Iterable[int], found: Mapping[int, Name]) -> dict[int, Name]:
    """The rows of these series: one of a series without points is no fault, they may have been withdrawn."""
    return {series: found[series] for series in wanted if series in found}


def _proven(series: int, found: Mapping[int, Name]) -> Name:
    name = found.get(series, UNKNOWN)
    return name if series_id(name.device, name.name) == series else UNKNOWN
