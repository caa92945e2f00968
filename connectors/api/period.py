"""Which part of time is asked for, as IoTa's ``GET /messages`` takes it."""

import re
import time
from dataclasses import dataclass
from typing import Annotated, NoReturn

from fastapi import Depends, HTTPException, Query

from connectors.api.bodies import Time
from connectors.api.times import to_ns
from streams.core.times import HOUR

UNITS = {"h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR, "m": 28 * 24 * HOUR, "y": 364 * 24 * HOUR}
LAST = re.compile(r"([0-9]{1,6})([hdwmy])", re.IGNORECASE)


@dataclass(frozen=True)
class Period:
    """After ``start``, up to and with ``end``; ns since the epoch. ``is_bounded``: the caller gave a start."""

    start: int
    end: int
    is_bounded: bool


async def _period(
    last: Annotated[
        str | None,
        Query(description="a number and one of h, d, w, m (4 weeks), y (52 weeks); in place of start and end"),
    ] = None,
    start: Annotated[Time | None, Query(description="only what is later")] = None,
    end: Annotated[Time | None, Query(description="only what is not later; default: now")] = None,
) -> Period:
    if start is not None and end is not None and start >= end:
        refuse("start", "start must be before end")
    if last is not None:
        now = time.time_ns()
        return Period(max(now - _length(last), 0), now, is_bounded=True)
    until = time.time_ns() if end is None else to_ns(end)
    return Period(0 if start is None else to_ns(start), until, is_bounded=start is not None or end is None)


def refuse(parameter: str, message: str) -> NoReturn:
    """422, as FastAPI says it."""
    raise HTTPException(422, [{"type": "value_error", "loc": ["query", parameter], "msg": message}])


def _length(last: str) -> int:
    found = LAST.fullmatch(last)
    if found is None:
        refuse("last", "write a number and one of h, d, w, m, y, such as 12h")
    return int(found[1]) * UNITS[found[2].lower()]


Asked = Annotated[Period, Depends(_period)]
