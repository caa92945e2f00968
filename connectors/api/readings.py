"""Routes of what devices said: messages as IoTa gives them, and tables for people."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from connectors.api import measured
from connectors.api.context import Has
from connectors.api.csv_tables import LAYOUTS, zone
from connectors.api.documents import NOBODY
from connectors.api.measured import Message, Whose
from connectors.api.period import Asked, refuse
from connectors.api.streaming import array, asked, streamed
from connectors.api.times import from_ns
from connectors.sinks.base import Transient
from streams.core.times import SECOND
from streams.registry.store import Unavailable

router = APIRouter(tags=["readings"])
MOST, UNLIMITED = 65_536, 131_072
"""messages that one may ask for, and that one gets who does not say how many: IoTa's figures"""
Layout = Annotated[Literal["wide", "long"], Query(description="a column per name, or a row per value")]
Zone = Annotated[
    str, Query(alias="zone", max_length=100, description="of ts_local, by its IANA name, such as Australia/Sydney")
]


@router.get("/messages", response_model=list[dict[str, Any]], responses=NOBODY)
async def messages(
    has: Has,
    period: Asked,
    p_uid: int | None = None,
    l_uid: int | None = None,
    count: Annotated[int | None, Query(gt=0, le=MOST)] = None,
    *,
    include_received_at: bool = False,
    only_timestamp: bool = False,
) -> Response:
    """Messages of a physical (``p_uid``) or logical (``l_uid``) device, newest first, as the store has them.

    A message holds what one raw record said of the device in the period; ``ts_utc`` is its newest time. 404: neither is given.
    """
    if count is not None and not period.is_bounded:
        refuse("count", "count with end needs start")
    whose = _whose(has, p_uid, l_uid)
    if whose is None:
        raise HTTPException(404, "Give p_uid or l_uid.")
    found = measured.messages(has.settings.clickhouse, whose, period, count or UNLIMITED)
    shown = (_message(one, received=include_received_at, bare=only_timestamp) for one in found)
    return await streamed(array(shown), "application/json")


@router.get("/physical/devices/{uid}/readings.csv", response_class=Response)
async def physical_csv(has: Has, period: Asked, uid: int, layout: Layout = "wide", zone_name: Zone = "UTC") -> Response:
    """What a physical device measured, oldest first, as CSV."""
    device = has.store.state.physical_device(uid)
    whose = measured.of_physical(has.store.state, device)
    return await _table(has, whose, period, layout, zone_name, f"physical-{uid}")


@router.get("/logical/devices/{uid}/readings.csv", response_class=Response)
async def logical_csv(has: Has, period: Asked, uid: int, layout: Layout = "wide", zone_name: Zone = "UTC") -> Response:
    """What was measured at a logical device, under the names of its mapping, oldest first, as CSV."""
    has.store.state.logical_device(uid)
    whose = measured.of_logical(has.store.state, uid)
    return await _table(has, whose, period, layout, zone_name, f"logical-{uid}")


def _whose(has: Has, p_uid: int | None, l_uid: int | None) -> Whose | None:
    state = has.store.state
    if p_uid is not None:
        device = state.physical.get(p_uid)
        return Whose({}, None) if device is None else measured.of_physical(state, device)
    return None if l_uid is None else measured.of_logical(state, l_uid)


def _message(message: Message, *, received: bool, bare: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"ts_utc": _whole_second(message.time)}
    if received:
        shown["received_at_utc"] = None if message.received_at is None else _whole_second(message.received_at)
    if bare:
        return shown
    shown |= {"broker_correlation_id": message.id, "p_uid": message.physical_uid}
    if message.logical_uid is not None:
        shown["l_uid"] = message.logical_uid
    series = [_dot(message.time, *one) for one in message.said]
    return shown | {"timestamp": from_ns(message.time), "timeseries": series}


def _dot(message_time: int, name: str, time: int, value: measured.Value) -> dict[str, Any]:
    dot: dict[str, Any] = {"name": name, "value": value}
    return dot if time == message_time else dot | {"timestamp": from_ns(time)}


def _whole_second(time: int) -> str:
    return from_ns(time // SECOND * SECOND)


async def _table(has: Has, whose: Whose, period: Asked, layout: str, zone_name: str, name: str) -> Response:
    settings = has.settings.clickhouse
    try:
        local = zone(zone_name)
    except ValueError as error:
        refuse("zone", str(error))
    found = measured.readings(settings, whose, period)
    try:
        names = await asked(measured.names, settings, whose)
    except Transient as error:
        raise Unavailable(f"The store does not answer: {error}") from error
    response = await streamed(LAYOUTS[layout](found, names, whose.logical_uid, local), "text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
