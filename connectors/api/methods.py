"""405 with every method that the path knows: FastAPI keeps a route for each method and names only the first one's."""

from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from re import Pattern

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path


def not_allowed(app: FastAPI) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The handler of status 405."""

    @cache
    def known() -> list[tuple[Pattern[str], set[str]]]:
        return [(compile_path(path)[0], set(operations)) for path, operations in app.openapi()["paths"].items()]

    def methods(path: str) -> Iterator[str]:
        own = app.openapi()["paths"].get(path)
        for operations in [own] if own else [held for pattern, held in known() if pattern.match(path)]:
            yield from map(str.upper, operations)

    async def handler(request: Request, _: Exception) -> Response:
        allowed = ", ".join(sorted(set(methods(request.scope["path"]))))
        return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": allowed})

    return handler
