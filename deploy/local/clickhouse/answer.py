"""The HTTP answer: ClickHouse's headers, whole or in parts, compressed when asked, errors in the engine's words."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from deploy.local.clickhouse import errors
from deploy.local.clickhouse.compression import Writer
from deploy.local.clickhouse.request import Request

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[str, str]


class Answer:
    """One answer; either :meth:`whole`, or :meth:`part` again and again and then :meth:`end`."""

    def __init__(self, send: Send, request: Request, timezone: str) -> None:
        self._send = send
        self._writer = Writer(request.accepted_encodings)
        self._began = time.monotonic()
        self._started = False
        self._headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Server-Display-Name": "chdb",
            "X-ClickHouse-Timezone": timezone,
        }

    async def whole(self, body: bytes, headers: Headers | None = None, status: int = 200) -> None:
        """Everything at once."""
        encoding = {}
        if body and self._writer.encoding:
            body = self._writer.feed(body) + self._writer.finish()
            encoding = {"Content-Encoding": self._writer.encoding}
        await self._start(status, {**(headers or {}), **encoding, "Content-Length": str(len(body))})
        await self._body(body, more=False)

    async def part(self, body: bytes, headers: Headers) -> None:
        """A piece of a long result; the headers go out with the first."""
        if not self._started:
            encoding = {"Content-Encoding": self._writer.encoding} if self._writer.encoding else {}
            await self._start(200, {**headers, **encoding})
        await self._body(self._writer.feed(body), more=True)

    async def end(self) -> None:
        """The end of a long result."""
        await self._body(self._writer.finish(), more=False)

    async def fail(self, error: BaseException) -> None:
        """An error; in the middle of a long result its text comes last, as a server does it."""
        text = errors.text(error)
        code = errors.code(text)
        if self._started:
            await self._body(self._writer.feed(f"\n{text}".encode()) + self._writer.finish(), more=False)
            return
        self._writer = Writer("")
        await self.whole(text.encode(), {"X-ClickHouse-Exception-Code": str(code)}, errors.http_status(code))

    def summary(self, result: Any, written: tuple[int, int] = (0, 0)) -> Headers:
        """The header of figures: rows and bytes read from tables, ``written`` rows and bytes, the result's size."""
        figures = {
            "read_rows": result.storage_rows_read() if result else 0,
            "read_bytes": result.storage_bytes_read() if result else 0,
            "written_rows": written[0],
            "written_bytes": written[1],
            "total_rows_to_read": 0,
            "result_rows": result.rows_read() if result else 0,
            "result_bytes": result.size() if result else 0,
            "elapsed_ns": int((time.monotonic() - self._began) * 1e9),
        }
        return {"X-ClickHouse-Summary": json.dumps({name: str(figure) for name, figure in figures.items()})}

    async def _start(self, status: int, headers: Headers) -> None:
        self._started = True
        lines = [(name.encode(), value.encode("latin-1")) for name, value in (self._headers | dict(headers)).items()]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
