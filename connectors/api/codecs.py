"""Routes of payload codecs: look, try out, register, retarget, remove."""

import asyncio
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from connectors.api import codec_shapes as shapes
from connectors.api.context import By, Has, Registry, answer
from connectors.api.streaming import asked
from connectors.codecs import suggestion
from connectors.codecs.trial import Trial, examine
from streams.core.codec import Unable
from streams.core.codec_record import Codec
from streams.javascript.examine import Examined
from streams.registry import codecs
from streams.registry.state import Refused
from streams.registry.store import Unavailable

router = APIRouter(prefix="/codecs", tags=["codecs"])


@router.get("", response_model=list[shapes.ShownCodec])
async def listed(registry: Registry) -> Response:
    """Every registered codec, by name, without its code."""
    held = registry.state.codecs
    return answer([shapes.codec(held[name]) for name in sorted(held)])


@router.post("/test", response_model=shapes.ShownTrial)
async def tested(has: Has, body: shapes.TriedCodec) -> Response:
    """Run a codec's examples as live decoding would; nothing is registered."""
    return answer(shapes.trial(await _examined(has, body.trial(body.name or "tried", None))))


@router.get("/{name}", response_model=shapes.WholeCodec)
async def one(registry: Registry, name: str) -> Response:
    """One codec with its code and examples."""
    return answer(shapes.whole(codecs.found(registry.state, name)))


@router.post("", status_code=201, response_model=shapes.Registered, responses={422: {"model": shapes.Failed}})
async def create(request: Request, has: Has, by: By, body: shapes.NewCodec) -> Response:
    """Register a codec under the ``name`` of the body, or replace the one of that name: as ``PUT /codecs/{name}``."""
    if not body.name:
        raise Refused(400, "The codec needs a name.")
    return await _registered(request, has, by, body.name, body)


@router.put(
    "/{name}",
    response_model=shapes.Registered,
    responses={201: {"model": shapes.Registered}, 422: {"model": shapes.Failed}},
)
async def register(request: Request, has: Has, by: By, name: str, body: shapes.NewCodec) -> Response:
    """Register a codec, or its new version, once its examples come out. 201: it is new.

    422: it does not load, or examples come out otherwise (``force`` registers it all the same). 409: the name or a target
    is another's. What it changes is decoded anew from now on, in a generation of its own; ``replay`` says how to
    decode the past.
    """
    if body.name not in {"", name}:
        raise Refused(400, f"The address says {name}, the body {body.name}.")
    return await _registered(request, has, by, name, body)


@router.put("/{name}/targets", response_model=shapes.Registered)
async def retarget(has: Has, by: By, name: str, body: shapes.Targets) -> Response:
    """Say anew what a codec reads."""
    before = codecs.found(has.store.state, name)
    await has.store.change(partial(codecs.retarget, name=name, applies_to=body.applies_to, author=by))
    return answer(await _told(has, before, name, None))


@router.delete("/{name}", status_code=204, response_class=Response)
async def remove(registry: Registry, name: str) -> Response:
    """Remove a codec. What it has read stays."""
    await registry.change(partial(codecs.remove, name=name))
    return Response(status_code=204)


async def _registered(request: Request, has: Has, by: By, name: str, body: shapes.NewCodec) -> Response:
    before = has.store.state.codecs.get(name)
    codecs.register(has.store.state, body.given(name), by)  # what is refused anyhow need not be tried out
    examined = await _examined(has, body.trial(name, before))
    if examined.fault or not (examined.passed or body.force):
        refusal = {"detail": _why_not(name, examined), "examined": shapes.trial(examined)}
        return answer(refusal, 422)
    await has.store.change(partial(codecs.register, given=body.given(name, examined), author=by))
    address = str(request.url.replace(path=f"/api/codecs/{name}", query="")) if before is None else None
    return answer(await _told(has, before, name, examined), 201 if before is None else 200, address)


async def _examined(has: Has, trial: Trial) -> Examined:
    try:
        return await asyncio.get_running_loop().run_in_executor(has.trials, examine, trial, has.settings.decode)
    except ValueError as error:
        raise Refused(400, f"{error}.") from error
    except Unable as error:
        raise Unavailable(f"No process can be started that tries the codec: {error}") from error


async def _told(has: Has, before: Codec | None, name: str, examined: Examined | None) -> dict[str, object]:
    state = has.store.state
    after = codecs.found(state, name)
    found = suggestion.suggested(state, before, after)
    if found is not None:
        devices = [device.device for device in suggestion.heard_of(state, after)]
        found = await asked(suggestion.counted, found, devices, has.settings.clickhouse)
    return {
        "codec": shapes.codec(after),
        "examined": None if examined is None else shapes.trial(examined),
        "replay": shapes.suggestion(found),
    }


def _why_not(name: str, examined: Examined) -> str:
    if examined.fault:
        return f"The codec {name} cannot be used: {examined.fault}"
    return f"{shapes.failing(examined)} of {len(examined.checked)} example(s) of {name} come out otherwise."
