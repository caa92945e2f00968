"""Routes of generations: the decoding epochs, and opening one by hand."""

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Has, Registry, answer
from streams.core.records import Generation

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
    author = msgspec.structs.replace(by, why=body.why)
    opened = await has.keeper.open_generation(author, once=body.once, above=body.above)
    held = has.store.state.generations
    found = held[int(opened[0].key)] if opened else _opened_before(held, body)
    return answer(shapes.generation(found), 201 if opened else 200)


def _opened_before(held: Mapping[int, Generation], body: bodies.NewGeneration) -> Generation:
    return next(g for number, g in held.items() if g.why == body.why and number > body.above)
