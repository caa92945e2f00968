"""A small HTTP server that answers as Ubidots does and enforces its documented limits, so that nothing is mocked away.

`python -m connectors.simulator.ubidots_stub --port 28080`: 4 requests a second per token (429 with Retry-After), 10 kB
a request (413), token (401), JSON shape (400). One dot is kept per variable and timestamp. `GET /stats` counts.
Sources: Ubidots API reference (v1.6 devices, v2.0 devices, rate limits); iota.md 3.3; peers.md 3.8.
"""

import time
from argparse import ArgumentParser
from collections import Counter, deque
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

REQUESTS_PER_S, BODY_BYTES = 4, 10_000


class Fault(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


class Account:
    """What one token's owner has at Ubidots."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._recent: deque[float] = deque()
        self.devices: dict[str, dict[str, Any]] = {}
        self.values: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        self.counts: Counter[str] = Counter()

    def admit(self, token: str | None, size: int) -> None:
        """Let a request in, or raise what Ubidots would answer."""
        if token != self._token:
            raise Fault(401, "Invalid token")
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if len(self._recent) >= REQUESTS_PER_S:
            raise Fault(429, "Request rate limit exceeded", **{"Retry-After": "1"})
        self._recent.append(now)
        if size > BODY_BYTES:
            raise Fault(413, f"{size} bytes, the limit is {BODY_BYTES}")

    def post(self, label: str, data: object) -> dict[str, Any]:
        """Take dots; answer with a status for each."""
        if not isinstance(data, dict):
            raise Fault(400, "a JSON object is expected")
        found = {name: value if isinstance(value, list) else [value] for name, value in data.items()}
        for name, values in found.items():
            _check(name, values)
        self.devices.setdefault(label, {"label": label, "name": label, "properties": {}})
        for name, values in found.items():
            self.values.setdefault((label, name), {}).update({value["timestamp"]: value for value in values})
        self.counts["posts"] += 1
        self.counts["dots"] += sum(map(len, found.values()))
        return {name: [{"status_code": 201}] * len(values) for name, values in found.items()}

    def device(self, label: str) -> dict[str, Any]:
        """The device of that label."""
        if label not in self.devices:
            raise Fault(404, "Not found.")
        return self.devices[label]

    def patch(self, label: str, data: object) -> dict[str, Any]:
        """Change a device."""
        device = self.device(label)
        if not isinstance(data, dict):
            raise Fault(400, "a JSON object is expected")
        properties = device["properties"] | data.get("properties", {})
        device |= data | {"properties": properties}
        self.counts["patches"] += 1
        return device

    def stats(self) -> dict[str, Any]:
        """Counts of what came, and of the different dots that are kept."""
        kept = sum(map(len, self.values.values()))
        return {**self.counts, "kept_dots": kept, "devices": len(self.devices)}


def application(token: str) -> Starlette:
    """The server; its account is `app.state.account`."""
    account = Account(token)

    async def post(request: Request) -> Response:
        return await _answer(request, lambda data: account.post(request.path_params["label"], data))

    async def patch(request: Request) -> Response:
        return await _answer(request, lambda data: account.patch(request.path_params["label"], data))

    async def get(request: Request) -> Response:
        return await _answer(request, lambda _: account.device(request.path_params["label"]))

    async def _answer(request: Request, act: Any) -> Response:
        body = await request.body()
        account.counts["requests"] += 1
        try:
            account.admit(request.headers.get("X-Auth-Token"), len(body))
            return JSONResponse(act(_json(body)))
        except Fault as fault:
            account.counts[f"status_{fault.status}"] += 1
            return JSONResponse({"detail": fault.detail}, fault.status, fault.headers)

    async def values(request: Request) -> Response:
        label, name = request.path_params["label"], request.path_params["name"]
        return JSONResponse({"results": list(account.values.get((label, name), {}).values())})

    async def stats(_: Request) -> Response:
        return JSONResponse(account.stats())

    app = Starlette(
        routes=[
            Route("/api/v1.6/devices/{label}", post, methods=["POST"]),
            Route("/api/v1.6/devices/{label}/{name:path}/values", values),
            Route("/api/v2.0/devices/~{label}", patch, methods=["PATCH"]),
            Route("/api/v2.0/devices/~{label}", get),
            Route("/stats", stats),
        ]
    )
    app.state.account = account
    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = ArgumentParser(description="Answers as Ubidots does, within its limits.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", default="stub")
    options = parser.parse_args()
    uvicorn.run(application(options.token), host="127.0.0.1", port=options.port, log_level="warning")


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError as error:
        raise Fault(400, str(error)) from error


def _check(name: str, values: list[Any]) -> None:
    if not name or not values:
        raise Fault(400, "a variable needs a name and a dot")
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("value"), (int, float)):
            raise Fault(400, f"{name}: a dot needs a number as its value")
        if not isinstance(value.get("timestamp"), int) or not isinstance(value.get("context", {}), dict):
            raise Fault(400, f"{name}: timestamp in ms and context as an object are expected")


if __name__ == "__main__":
    main()
