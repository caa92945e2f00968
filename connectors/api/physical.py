"""Routes of physical devices and their sources."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Iota, Registry, answer, created
from streams.registry import devices
from streams.registry.mappings import current, history_of_physical

router = APIRouter(prefix="/physical", tags=["physical devices"])
With = Annotated[bool, Query(description="false: properties are {}")]


@router.get("/sources", response_model=list[str])
async def sources(registry: Registry) -> Response:
    """Names of all sources, sorted."""
    return answer(sorted(registry.state.sources))


@router.get("/devices", response_model=list[shapes.ShownPhysicalDevice])
async def listed(
    registry: Registry, iota: Iota, source_name: str | None = None, *, include_properties: With = True
) -> Response:
    """Physical devices by uid."""
    every = (registry.state.physical[uid] for uid in sorted(registry.state.physical))
    wanted = (device for device in every if source_name in (None, device.source))
    return answer([shapes.physical(device, iota=iota, properties=include_properties) for device in wanted])


@router.get("/devices/unmapped", response_model=list[shapes.ShownPhysicalDevice])
async def unmapped(registry: Registry, iota: Iota) -> Response:
    """Physical devices that are not mapped now, by uid."""
    state, now = registry.state, time.time_ns()
    free = (uid for uid in sorted(state.physical) if current(history_of_physical(state, uid), now) is None)
    return answer([shapes.physical(state.physical[uid], iota=iota) for uid in free])


@router.get("/devices/{uid}", response_model=shapes.ShownPhysicalDevice)
async def one(registry: Registry, iota: Iota, uid: int) -> Response:
    """One physical device."""
    return answer(shapes.physical(registry.state.physical_device(uid), iota=iota))


@router.post("/devices", status_code=201, response_model=shapes.ShownPhysicalDevice)
async def create(request: Request, registry: Registry, by: By, iota: Iota, body: bodies.NewPhysicalDevice) -> Response:
    """Register a box; it can be mapped before its first message. 409: a device with this identity exists."""
    command = partial(devices.create_physical, source=body.source_name, given=body.given(), author=by)
    device, _mapping = await registry.change(command)
    return created(request, shapes.physical(registry.state.physical_device(int(device.key)), iota=iota))


@router.patch("/devices", response_model=shapes.ShownPhysicalDevice)
async def edit(registry: Registry, by: By, iota: Iota, body: bodies.PhysicalDeviceEdit) -> Response:
    """Merge what is given into a device; a name or location that a person sets is left alone by its messages."""
    await registry.change(partial(devices.edit_physical, uid=body.uid, given=body.given(), author=by))
    return answer(shapes.physical(registry.state.physical_device(body.uid), iota=iota))


@router.delete("/devices/{uid}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, uid: int) -> Response:
    """Remove a box. 409: it has sent data or was mapped, whose history would lose it."""
    await registry.change(partial(devices.remove_physical, uid=uid, author=by))
    return Response(status_code=204)
