"""The application: one surface under `/api`, and the same under `/broker/api` in exactly IoTa's shapes."""

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.api import (
    bulk,
    codecs,
    documents,
    generations,
    histories,
    logical,
    mappings,
    notes,
    physical,
    places,
    raw,
    readings,
    replays,
    rules,
    signed_topics,
    snapshots,
    tokens,
    users,
    wombats,
)
from connectors.api.context import Services
from connectors.api.gate import unavailable
from connectors.api.methods import not_allowed, unless_not_allowed
from connectors.api.passwords import Busy
from streams.registry.state import Refused
from streams.registry.store import Unavailable

ABOUT = """Devices, mappings, codecs, generations, replays and users.

Log in with `GET /api/token` (HTTP Basic), then send `Authorization: Bearer <token>`. Every path also works with a slash at
its end, and under `/broker/api` with IoTa's exact shapes. Times are ISO 8601; one without zone is UTC. 503: try again.
"""
PARTS = (
    histories, notes, bulk, places, raw, readings, physical, logical, mappings, codecs, generations, replays, rules,
    signed_topics, snapshots, tokens, users, wombats,
)  # fmt: skip
"""In the order in which their paths are tried."""


def build(services: Services) -> FastAPI:
    """The application without its gate."""
    app = FastAPI(
        title="Isthmus",
        version="1",
        description=ABOUT,
        redirect_slashes=False,
        redoc_url=None,
        strict_content_type=False,  # IoTa's callers send JSON without saying so; the bearer token keeps browsers out
    )
    app.state.services = services
    api = APIRouter(prefix="/api")
    for part in PARTS:
        api.include_router(part.router)
    app.include_router(api)
    app.routes.extend(_probes())
    app.add_exception_handler(RequestValidationError, unless_not_allowed(app, _invalid))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Busy, tokens.busy)
    app.add_exception_handler(405, not_allowed(app))
    documents.complete(app)
    return app


def _probes() -> list[Route]:
    async def healthz(request: Request) -> Response:
        services = request.app.state.services
        fault = services.store.error or services.healthy()
        return PlainTextResponse(f"{fault or 'ok'}\n", 503 if fault else 200)

    async def readyz(request: Request) -> Response:
        store = request.app.state.services.store
        if store.ready:
            return PlainTextResponse("ok\n")
        fault = store.error or ("nobody is known to write" if store.folded else "the registry is not read yet")
        return PlainTextResponse(f"{fault}\n", 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _invalid(_: Request, error: Exception) -> Response:
    """As FastAPI says it, without repeating the input, which need not be valid JSON (NaN, lone surrogates)."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    faults = [{part: fault[part] for part in ("type", "loc", "msg")} for fault in error.errors()]
    return JSONResponse({"detail": faults}, 422)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for this class only
    return JSONResponse({"detail": error.detail}, error.status)


async def _unavailable(_: Request, error: Exception) -> Response:
    return unavailable(str(error))
