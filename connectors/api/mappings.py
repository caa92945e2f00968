"""Routes of mappings: which box feeds which place, since when."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.bodies import Time
from connectors.api.context import By, Registry, answer
from connectors.api.listing import Paged
from connectors.api.once import Repeatable
from connectors.api.times import to_ns
from connectors.api.view import Shown, View
from streams.core.records import DeviceMapping, Interval
from streams.registry import mappings
from streams.registry.mappings import Fed
from streams.registry.state import Author, Change, Refused, State

router = APIRouter(prefix="/mappings", tags=["mappings"])
EndTime = Annotated[Time | None, Query(description="default: now")]


@router.post("", status_code=201, response_model=None)
async def start(once: Repeatable, by: By, body: bodies.NewMapping) -> Response:
    """Start a mapping. The logical device's open mapping ends at exactly the new start.

    400: the physical device is mapped (see ``force``), or the time is taken by history. 404: unknown device.
    """
    await once.change(body.command(by), by.at)
    return answer(None, 201)


@router.get("/current", response_model=list[shapes.ShownMapping])
async def current(registry: Registry, view: Shown, page: Paged, *, return_uids: bool = True) -> Response:
    """Mappings of now, by logical uid; ``return_uids`` false gives whole devices."""
    state, now = registry.state, time.time_ns()
    found = (mappings.current(mappings.history(mapping), now) for mapping in state.mappings.values())
    by_place = sorted((fed for fed in found if fed), key=lambda fed: fed[1].logical_uid)
    show = partial(shapes.uids, iota=view.iota) if return_uids else partial(_whole, state, view=view)
    return page.of(by_place, lambda fed: show(*fed))


@router.patch("/toggle-active", status_code=204, response_class=Response)
async def toggle(
    registry: Registry, by: By, *, is_active: bool, puid: int | None = None, luid: int | None = None
) -> Response:
    """Pause or resume the open mapping of one device; its ended mappings stay as they are."""
    switch = mappings.resume if is_active else mappings.pause
    if puid is not None and luid is None:
        return await _change_open(registry, partial(mappings.of_physical, uid=puid), switch, by.at, by)
    if luid is not None and puid is None:
        return await _change_open(registry, partial(mappings.of_logical, uid=luid), switch, by.at, by)
    raise HTTPException(400, "Give exactly one of puid and luid.")


@router.put("/physical/variables/{uid}", response_model=shapes.ShownMapping)
async def physical_variables(registry: Registry, by: By, view: Shown, uid: int, body: bodies.Variables) -> Response:
    """What the open mapping of a physical device renames, scales or drops; see ``Variables``.

    The logical view in the store follows within seconds, for the past too; sinks show from now on what they send.
    """
    since, variables = body.since(), [variable.record() for variable in body.variables]
    change = partial(mappings.show_as, variables=variables, since=since, author=by)
    await registry.change(lambda state: change(mappings.of_physical(state, uid)))
    return _one(registry.state, mappings.history_of_physical(registry.state, uid)[:1], view)


@router.put("/logical/variables/{uid}", response_model=shapes.ShownMapping)
async def logical_variables(registry: Registry, by: By, view: Shown, uid: int, body: bodies.Variables) -> Response:
    """What the open mapping that feeds a logical device renames, scales or drops; see ``Variables``."""
    since, variables = body.since(), [variable.record() for variable in body.variables]
    change = partial(mappings.show_as, variables=variables, since=since, author=by)
    await registry.change(lambda state: change(mappings.of_logical(state, uid)))
    return _one(registry.state, mappings.history_of_logical(registry.state, uid)[:1], view)


@router.get("/physical/current/{uid}", response_model=shapes.ShownMapping)
async def physical_current(registry: Registry, view: Shown, uid: int) -> Response:
    """The mapping of a physical device now: the open one, or one with an end still to come."""
    return _one(registry.state, _now(mappings.history_of_physical(registry.state, uid)), view)


@router.get("/logical/current/{uid}", response_model=shapes.ShownMapping)
async def logical_current(registry: Registry, view: Shown, uid: int) -> Response:
    """The mapping of a logical device now: the open one, or one with an end still to come."""
    return _one(registry.state, _now(mappings.history_of_logical(registry.state, uid)), view)


@router.get("/physical/latest/{uid}", response_model=shapes.ShownMapping)
async def physical_latest(registry: Registry, view: Shown, uid: int) -> Response:
    """The newest mapping of a physical device, ended or not."""
    return _one(registry.state, mappings.history_of_physical(registry.state, uid)[:1], view)


@router.get("/logical/latest/{uid}", response_model=shapes.ShownMapping)
async def logical_latest(registry: Registry, view: Shown, uid: int) -> Response:
    """The newest mapping of a logical device, ended or not."""
    return _one(registry.state, mappings.history_of_logical(registry.state, uid)[:1], view)


@router.get("/physical/all/{uid}", response_model=list[shapes.ShownMapping])
async def physical_all(registry: Registry, view: Shown, uid: int) -> Response:
    """Every mapping that a physical device ever had, newest first."""
    return answer([_whole(registry.state, *fed, view) for fed in mappings.history_of_physical(registry.state, uid)])


@router.get("/logical/all/{uid}", response_model=list[shapes.ShownMapping])
async def logical_all(registry: Registry, view: Shown, uid: int) -> Response:
    """Every mapping that a logical device ever had, newest first."""
    return answer([_whole(registry.state, *fed, view) for fed in mappings.history_of_logical(registry.state, uid)])


@router.patch("/physical/end/{uid}", status_code=204, response_class=Response)
async def physical_end(registry: Registry, by: By, uid: int, end_time: EndTime = None) -> Response:
    """End the open mapping of a physical device."""
    return await _change_open(registry, partial(mappings.of_physical, uid=uid), mappings.end, _at(end_time, by), by)


@router.patch("/logical/end/{uid}", status_code=204, response_class=Response)
async def logical_end(registry: Registry, by: By, uid: int, end_time: EndTime = None) -> Response:
    """End the open mapping of a logical device."""
    return await _change_open(registry, partial(mappings.of_logical, uid=uid), mappings.end, _at(end_time, by), by)


async def _change_open(
    registry: Registry,
    find: Callable[[State], DeviceMapping],
    change: Callable[[DeviceMapping, int, Author], list[Change]],
    at: int,
    by: Author,
) -> Response:
    await registry.change(lambda state: change(find(state), at, by))
    return Response(status_code=204)


def _now(newest_first: list[Fed]) -> list[Fed]:
    found = mappings.current(newest_first, time.time_ns())
    return [] if found is None else [found]


def _one(state: State, found: list[Fed], view: View) -> Response:
    if not found:
        raise Refused(404, "There is no such mapping.")
    return answer(_whole(state, *found[0], view))


def _whole(state: State, mapping: DeviceMapping, interval: Interval, view: View) -> dict[str, Any]:
    """With devices in place of uids; one that was removed since stays a uid."""
    box, place = state.physical.get(mapping.physical_uid), state.logical.get(interval.logical_uid)
    pd = mapping.physical_uid if box is None else shapes.physical(box, view)
    ld = interval.logical_uid if place is None else shapes.logical(place, view)
    return shapes.mapping(pd, ld, interval, iota=view.iota)


def _at(given: Time | None, by: Author) -> int:
    return by.at if given is None else to_ns(given)
