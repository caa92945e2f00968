"""Routes of logical devices."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Registry, answer, created
from streams.registry import devices

router = APIRouter(prefix="/logical", tags=["logical devices"])
With = Annotated[bool, Query(description="false: properties are {}")]


@router.get("/devices", response_model=list[shapes.ShownLogicalDevice])
async def listed(registry: Registry, *, include_properties: With = True) -> Response:
    """Logical devices by uid."""
    held = registry.state.logical
    return answer([shapes.logical(held[uid], properties=include_properties) for uid in sorted(held)])


@router.get("/devices/{uid}", response_model=shapes.ShownLogicalDevice)
async def one(registry: Registry, uid: int) -> Response:
    """One logical device."""
    return answer(shapes.logical(registry.state.logical_device(uid)))


@router.post("/devices", status_code=201, response_model=shapes.ShownLogicalDevice)
async def create(request: Request, registry: Registry, by: By, body: bodies.NewLogicalDevice) -> Response:
    """Register a place."""
    (change,) = await registry.change(partial(devices.create_logical, given=body.given(), author=by))
    return created(request, shapes.logical(registry.state.logical_device(int(change.key))))


@router.patch("/devices", response_model=shapes.ShownLogicalDevice)
async def edit(registry: Registry, by: By, body: bodies.LogicalDeviceEdit) -> Response:
    """Merge what is given into a device."""
    await registry.change(partial(devices.edit_logical, uid=body.uid, given=body.given(), author=by))
    return answer(shapes.logical(registry.state.logical_device(body.uid)))


@router.delete("/devices/{uid}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, uid: int) -> Response:
    """Remove a place. 409: it was mapped, and the history would lose it."""
    await registry.change(partial(devices.remove_logical, uid=uid, author=by))
    return Response(status_code=204)
