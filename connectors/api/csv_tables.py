"""Readings as CSV (RFC 4180), wide and long, row after row. Source of the columns: IoTa's exports."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from io import StringIO
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from connectors.api.measured import Said
from connectors.api.times import EPOCH, MICROSECOND, from_ns

Table = Callable[[Iterable[Said], Sequence[str], int | None, ZoneInfo], Iterator[bytes]]
"""Readings oldest first, every name they may have, the logical device (None: physical ones), the zone of ``ts_local``."""


def wide(found: Iterable[Said], names: Sequence[str], logical_uid: int | None, zone: ZoneInfo) -> Iterator[bytes]:
    """A row per device and time: ``l_uid`` or ``p_uid``, ``ts``, ``received_at``, a column per name, ``ts_local``."""
    yield _line("p_uid" if logical_uid is None else "l_uid", "ts", "received_at", *names, "ts_local")
    for (time, physical_uid), same in groupby(found, lambda said: (said.time, said.physical_uid)):
        values: dict[str, Any] = {}
        received_at = None
        for said in same:
            values[said.name], received_at = said.value, said.received_at
        uid = physical_uid if logical_uid is None else logical_uid
        row = (values.get(name) for name in names)
        yield _line(uid, from_ns(time), _maybe(received_at), *row, _local(time, zone))


def long(found: Iterable[Said], _names: Sequence[str], logical_uid: int | None, zone: ZoneInfo) -> Iterator[bytes]:
    """A row per value: ``l_uid``, ``p_uid``, ``msg_timestamp``, ``timestamp``, ``name``, ``value``, ``ts_local``."""
    yield _line("l_uid", "p_uid", "msg_timestamp", "timestamp", "name", "value", "ts_local")
    for said in found:
        times = from_ns(said.message_time), from_ns(said.time)
        yield _line(logical_uid, said.physical_uid, *times, said.name, said.value, _local(said.time, zone))


LAYOUTS: dict[str, Table] = {"wide": wide, "long": long}


@cache
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"there is no time zone {name}") from error


def _local(time: int, zone: ZoneInfo) -> str:
    moment: datetime = EPOCH + time // 1000 * MICROSECOND
    return moment.astimezone(zone).isoformat()


def _maybe(time: int | None) -> str | None:
    return None if time is None else from_ns(time)


def _line(*cells: Any) -> bytes:
    out = StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()
