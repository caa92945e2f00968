"""Routes of logical devices."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.bodies import uid_of
from connectors.api.context import By, Registry, answer, created
from connectors.api.listing import Listed
from connectors.api.once import Repeatable, uids
from connectors.api.times import to_ns
from connectors.api.view import Shown
from streams.core.records import LogicalDevice
from streams.registry import copies, devices, mappings, removal
from streams.registry.state import LOGICAL

router = APIRouter(prefix="/logical", tags=["logical devices"])
With = Annotated[bool, Query(description="false: properties are {}")]
Cascade = Annotated[bool, Query(description="also a device that was mapped: its open mapping ends now")]


@router.get("/devices", response_model=list[shapes.ShownLogicalDevice])
async def listed(
    registry: Registry,
    listing: Listed,
    mapped: Annotated[bool | None, Query(description="only devices that are fed now, or (false) are not")] = None,
    *,
    include_properties: With = True,
) -> Response:
    """Logical devices."""
    state, now = registry.state, listing.view.now

    def wanted(device: LogicalDevice) -> bool:
        return mapped == (mappings.current(mappings.history_of_logical(state, device.uid), now) is not None)

    show = partial(shapes.logical, view=listing.view, properties=include_properties)
    return listing.of(state, LOGICAL, show, None if mapped is None else wanted)


@router.get("/devices/{uid}", response_model=shapes.ShownLogicalDevice)
async def one(registry: Registry, view: Shown, uid: int) -> Response:
    """One logical device."""
    return answer(shapes.logical(registry.state.logical_device(uid), view))


@router.post("/devices", status_code=201, response_model=shapes.ShownLogicalDevice)
async def create(request: Request, once: Repeatable, by: By, view: Shown, body: bodies.NewLogicalDevice) -> Response:
    """Register a place."""
    made = await once.change(partial(devices.create_logical, given=body.given(), author=by), by.at)
    (uid,) = uids(made, LOGICAL)
    return created(request, shapes.logical(once.store.state.logical_device(uid), view))


@router.post("/devices/copy", status_code=201, response_model=shapes.ShownLogicalDevice)
async def copy(request: Request, once: Repeatable, by: By, view: Shown, body: bodies.Copy) -> Response:
    """Register a place with the name and location of a box and, with ``map``, map the box to it, in one step.

    400: the box is mapped, and ``force`` is not given.
    """
    since = (by.at if body.start_time is None else to_ns(body.start_time)) if body.map else None
    command = partial(copies.copy, physical_uid=uid_of(body.pd), author=by, map_from=since, force=body.force)
    (uid,) = uids(await once.change(command, by.at), LOGICAL)
    answered = created(request, shapes.logical(once.store.state.logical_device(uid), view))
    answered.headers["Location"] = answered.headers["Location"].replace("/devices/copy/", "/devices/")
    return answered


@router.patch("/devices", response_model=shapes.ShownLogicalDevice)
async def edit(registry: Registry, by: By, view: Shown, body: bodies.LogicalDeviceEdit) -> Response:
    """Merge what is given into a device."""
    uid = bodies.edited_uid(body)
    await registry.change(partial(devices.edit_logical, uid=uid, given=body.given(), author=by))
    return answer(shapes.logical(registry.state.logical_device(uid), view))


@router.delete("/devices/{uid}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, uid: int, *, cascade: Cascade = False) -> Response:
    """Remove a place. 409: it was mapped, and ``cascade`` is not given."""
    await registry.change(partial(removal.remove_logical, uid=uid, author=by, cascade=cascade))
    return Response(status_code=204)
