"""405 with every method that the path knows.

FastAPI keeps a route for each method and names only the first one's; and what stands under a literal path, such as
``devices/unmapped``, it would take for the ``{uid}`` of another route.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from re import Pattern

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

Handler = Callable[[Request, Exception], Awaitable[Response]]


def not_allowed(app: FastAPI) -> Handler:
    """The handler of status 405."""
    allowed = _allowed(app)

    async def handler(request: Request, _: Exception) -> Response:
        return _refusal(allowed(request.scope["path"]))

    return handler


def unless_not_allowed(app: FastAPI, otherwise: Handler) -> Handler:
    """A handler of what is invalid: 405 where another route than the path's own has found it so."""
    allowed = _allowed(app)

    async def handler(request: Request, error: Exception) -> Response:
        methods = allowed(request.scope["path"])
        return await otherwise(request, error) if request.method in methods or not methods else _refusal(methods)

    return handler


def _allowed(app: FastAPI) -> Callable[[str], set[str]]:
    """The methods of a path, by the most literal of those that it matches."""

    @cache
    def known() -> list[tuple[Pattern[str], set[str]]]:
        documented = sorted(app.openapi()["paths"].items(), key=lambda item: str(item[0]).count("{"))
        return [(compile_path(path)[0], {method.upper() for method in operations}) for path, operations in documented]

    return lambda path: next((methods for pattern, methods in known() if pattern.match(path)), set())


def _refusal(methods: set[str]) -> Response:
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(methods))})
