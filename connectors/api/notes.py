"""Routes of notes about physical devices."""

from functools import partial

from fastapi import APIRouter
from starlette.responses import Response

from connectors.api import bodies, shapes
from connectors.api.context import By, Registry, answer
from connectors.api.once import Repeatable
from connectors.api.times import to_ns
from connectors.api.view import Shown
from streams.registry import notes
from streams.registry.state import Refused

router = APIRouter(prefix="/physical/devices/notes", tags=["notes"])


@router.get("/{uid}", response_model=list[shapes.ShownNote])
async def listed(registry: Registry, uid: int) -> Response:
    """Notes about a physical device, oldest first; none when there is no such device."""
    return answer([shapes.note(note) for note in registry.state.notes_of(uid)])


@router.post("/{uid}", status_code=201, response_model=None)
async def add(once: Repeatable, by: By, uid: int, body: bodies.Note) -> Response:
    """Write a note about a physical device."""
    await once.change(partial(notes.add, physical_uid=uid, note=body.note, author=by), by.at)
    return answer(None, 201)


@router.patch("", response_model=None)
async def edit(registry: Registry, by: By, view: Shown, body: bodies.Note) -> Response:
    """Write a note anew, found by its ``uid``. 404: there is none; under `/broker/api` that is no fault, as in IoTa."""
    at = None if body.ts is None else to_ns(body.ts)
    try:
        await registry.change(partial(notes.edit, uid=bodies.edited_uid(body), note=body.note, at=at, author=by))
    except Refused:
        if not view.iota:
            raise
    return answer(None)


@router.delete("/{uid}", status_code=204, response_class=Response)
async def remove(registry: Registry, by: By, view: Shown, uid: int) -> Response:
    """Remove a note, by its own uid. 404: there is none; under `/broker/api` that is no fault, as in IoTa."""
    try:
        await registry.change(partial(notes.remove, uid=uid, author=by))
    except Refused:
        if not view.iota:
            raise
    return Response(status_code=204)
