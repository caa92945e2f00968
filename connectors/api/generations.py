"""Routes of generations: the decoding epochs, and opening one by hand."""

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Has, Registry, answer

router = APIRouter(prefix="/generations", tags=["generations"])


@router.get("", response_model=list[shapes.ShownGeneration])
async def listed(registry: Registry) -> Response:
    """Every generation, newest first; not those that are announced only, for some milliseconds."""
    held = registry.state.generations
    return answer([shapes.generation(held[number]) for number in sorted(held, reverse=True) if held[number].fences])


@router.post("", status_code=201, response_model=shapes.ShownGeneration)
async def open_one(has: Has, by: By, body: bodies.NewGeneration) -> Response:
    """Open a generation now. One is opened without asking when code, codecs, rules or signed topics change.

    200: ``once``, and there is one for this reason already.
    """
    opened = await has.keeper.open_generation(msgspec.structs.replace(by, why=body.why), once=body.once)
    held = has.store.state.generations
    found = held[int(opened[0].key)] if opened else next(g for g in held.values() if g.why == body.why)
    return answer(shapes.generation(found), 201 if opened else 200)
