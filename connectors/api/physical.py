"""Routes of physical devices and their sources."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Registry, answer, created
from connectors.api.listing import Listed
from connectors.api.once import Repeatable, uids
from connectors.api.view import Shown
from streams.core.records import PhysicalDevice
from streams.registry import devices, removal
from streams.registry.mappings import current, history
from streams.registry.state import PHYSICAL, State

router = APIRouter(prefix="/physical", tags=["physical devices"])
With = Annotated[bool, Query(description="false: properties are {}")]
Cascade = Annotated[bool, Query(description="also a device with data, mappings or notes: see the description")]


@router.get("/sources", response_model=list[str])
async def sources(registry: Registry) -> Response:
    """Names of all sources, sorted."""
    return answer(sorted(registry.state.sources))


@router.get("/devices", response_model=list[shapes.ShownPhysicalDevice])
async def listed(
    registry: Registry,
    listing: Listed,
    source_name: str | None = None,
    mapped: Annotated[bool | None, Query(description="only devices that are mapped now, or (false) are not")] = None,
    *,
    include_properties: With = True,
) -> Response:
    """Physical devices."""
    state, now = registry.state, listing.view.now

    def wanted(device: PhysicalDevice) -> bool:
        if source_name not in (None, device.source):
            return False
        return mapped is None or mapped == _is_mapped(state, device, now)

    show = partial(shapes.physical, view=listing.view, properties=include_properties)
    return listing.of(state, PHYSICAL, show, None if source_name is None and mapped is None else wanted)


@router.get("/devices/unmapped", response_model=list[shapes.ShownPhysicalDevice])
async def unmapped(
    registry: Registry, listing: Listed, source_name: str | None = None, *, include_properties: With = True
) -> Response:
    """Physical devices that are not mapped now."""
    return await listed(registry, listing, source_name, mapped=False, include_properties=include_properties)


@router.get("/devices/{uid}", response_model=shapes.ShownPhysicalDevice)
async def one(registry: Registry, view: Shown, uid: int) -> Response:
    """One physical device."""
    return answer(shapes.physical(registry.state.physical_device(uid), view))


@router.post("/devices", status_code=201, response_model=shapes.ShownPhysicalDevice)
async def create(request: Request, once: Repeatable, by: By, view: Shown, body: bodies.NewPhysicalDevice) -> Response:
    """Register a box; it can be mapped before its first message. 409: a device with this identity exists."""
    command = partial(devices.create_physical, source=body.source_name, given=body.given(), author=by)
    (uid,) = uids(await once.change(command, by.at), PHYSICAL)
    return created(request, shapes.physical(once.store.state.physical_device(uid), view))


@router.patch("/devices", response_model=shapes.ShownPhysicalDevice)
async def edit(registry: Registry, by: By, view: Shown, body: bodies.PhysicalDeviceEdit) -> Response:
    """Merge what is given into a device; a name or location that a person sets is left alone by its messages."""
    uid = bodies.edited_uid(body)
    await registry.change(partial(devices.edit_physical, uid=uid, given=body.given(), author=by))
    return answer(shapes.physical(registry.state.physical_device(uid), view))


@router.delete("/devices/{uid}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, uid: int, *, cascade: Cascade = False) -> Response:
    """Remove a box. 409: it has sent data, was mapped or has notes, and ``cascade`` is not given.

    With ``cascade`` its open mapping ends now and its notes go, in one step; what it measured stays in the store, and the
    history of its mapping in the log. Should it speak again, it comes back as a new device.
    """
    await registry.change(partial(removal.remove_physical, uid=uid, author=by, cascade=cascade))
    return Response(status_code=204)


def _is_mapped(state: State, device: PhysicalDevice, now: int) -> bool:
    return current(history(state.mapping_of(device)), now) is not None
