"""What a request may cost before a route sees it: bytes and seconds of its body, requests and bytes at a time. Counts answers.

A body is not kept here: whoever reads it is stopped when it grows beyond the limit, or comes too slowly.
"""

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams import metrics
from streams.settings import ApiSettings

MEGABYTE = 1_048_576
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
BUSY = {"Retry-After": "5"}


class Counted:
    """ASGI middleware: counts answers by class of status."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and look at the answer."""
        method = scope.get("method") if scope.get("method") in METHODS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.API_REQUESTS.labels(method, f"{message['status'] // 100}xx").inc()
            await send(message)

        await self._application(scope, receive, counted)


class Limits:
    """ASGI middleware: 413, 408 and 503 instead of too much."""

    def __init__(self, application: ASGIApp, settings: ApiSettings) -> None:
        self._application, self._settings = application, settings
        self._requests = 0
        self.bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what need not be read; stop what is read too long."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        body = _Body(receive, self._settings, self)
        self._requests += 1
        try:
            await self._application(scope, body, send)
        finally:
            self._requests -= 1
            self.bytes -= body.size

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and int(length) > self._settings.max_body_bytes:
            return JSONResponse({"detail": _too_large(self._settings)}, 413)
        if self._requests >= self._settings.max_in_process:
            return JSONResponse({"detail": "Too many requests are under way; try again."}, 503, BUSY)
        return None


class _Body:
    """A request's ``receive`` that counts."""

    def __init__(self, receive: Receive, settings: ApiSettings, limits: Limits) -> None:
        self._receive, self._settings, self._limits = receive, settings, limits
        self._until: float | None = None
        self._whole = False
        self.size = 0

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        self._until = self._until or time.monotonic() + self._settings.body_timeout_s
        try:
            message = await asyncio.wait_for(self._receive(), max(0, self._until - time.monotonic()))
        except TimeoutError:
            raise HTTPException(408, "The body comes too slowly.", {"Connection": "close"}) from None
        self._count(len(message.get("body", b"")))
        self._whole = not message.get("more_body", False)
        return message

    def _count(self, size: int) -> None:
        self.size += size
        self._limits.bytes += size
        if self.size > self._settings.max_body_bytes:
            raise HTTPException(413, _too_large(self._settings))
        if self._limits.bytes > self._settings.max_in_process_mb * MEGABYTE:
            raise HTTPException(503, "Too many large requests are under way; try again.", BUSY)


def _too_large(settings: ApiSettings) -> str:
    return f"A body may have {settings.max_body_bytes} bytes."
