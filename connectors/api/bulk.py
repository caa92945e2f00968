"""Routes that change many things in one step: all of it is done, or nothing."""

from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, answer
from connectors.api.once import Repeatable, uids
from connectors.api.view import Shown
from streams.registry import devices
from streams.registry.state import LOGICAL, PHYSICAL
from streams.registry.together import together

router = APIRouter(tags=["bulk"])
B = TypeVar("B", bound=BaseModel)
Many = Annotated[list[B], Field(min_length=1, max_length=1000)]


@router.post("/physical/devices/bulk", status_code=201, response_model=list[shapes.ShownPhysicalDevice])
async def physical(once: Repeatable, by: By, view: Shown, asked: Many[bodies.NewPhysicalDevice]) -> Response:
    """Register up to 1,000 boxes. A refusal names the item, from 0; then none is registered."""
    commands = [
        partial(devices.create_physical, source=body.source_name, given=body.given(), author=by) for body in asked
    ]
    made = await once.change(together(commands), by.at)
    state = once.store.state
    return answer([shapes.physical(state.physical_device(uid), view) for uid in uids(made, PHYSICAL)], 201)


@router.post("/logical/devices/bulk", status_code=201, response_model=list[shapes.ShownLogicalDevice])
async def logical(once: Repeatable, by: By, view: Shown, asked: Many[bodies.NewLogicalDevice]) -> Response:
    """Register up to 1,000 places."""
    commands = [partial(devices.create_logical, given=body.given(), author=by) for body in asked]
    made = await once.change(together(commands), by.at)
    state = once.store.state
    return answer([shapes.logical(state.logical_device(uid), view) for uid in uids(made, LOGICAL)], 201)


@router.post("/mappings/bulk", status_code=201, response_model=None)
async def mappings(once: Repeatable, by: By, asked: Many[bodies.NewMapping]) -> Response:
    """Start up to 1,000 mappings, one after another. A refusal names the item, from 0; then none is started."""
    await once.change(together([body.command(by) for body in asked]), by.at)
    return answer(None, 201)
