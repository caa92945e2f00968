"""A small HTTP server that answers as the polled APIs do, so that nothing is mocked away.

`python -m connectors.simulator.poller_stubs --port 28081`: EagleIO below `/eagle`, Green Brain below `/greenbrain/v3`,
AxisTech at `/axistech/`, The Things Stack's device registry below `/ttn`. Each wants its credentials, Green Brain a login
whose token ends after some uses. Sources: iota.md 1.2, 1.7 to 1.9.
"""

import secrets
from argparse import ArgumentParser
from collections import Counter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "stub"  # noqa: S105 - opens nothing but this stub
TOKEN_USES = 5


class World:
    """What the APIs know; set it to what a test needs. ``counts`` tells how often each was asked, by status."""

    def __init__(self) -> None:
        self.nodes: Any = [_point("pond1 level", 1.5), _point("pond10 level", 2.5)]
        self.groups: dict[int, dict[str, Any]] = {19640: _group(19640, 40.06)}
        self.rows: list[dict[str, str]] = []
        self.devices: dict[str, dict[str, Any]] = {}
        self.missing: set[int] = set()
        """Sensor groups that are listed, and not there."""
        self.broken: int | None = None
        """Answer everything with this status."""
        self.counts: Counter[str] = Counter()
        self.windows: list[tuple[str, str]] = []
        """What AxisTech was asked for."""
        self._tokens: dict[str, int] = {}

    def log_in(self, told: Any) -> str | None:
        """A new token for whoever knows the password."""
        if told != {"username": "ann", "password": TOKEN}:
            return None
        token = secrets.token_hex(8)
        self._tokens[token] = TOKEN_USES
        return token

    def admits(self, token: str) -> bool:
        """Whether the token is still good; it ends after some uses."""
        left = self._tokens.get(token, 0)
        self._tokens[token] = left - 1
        return left > 0

    def answer(self, what: str, status: int, content: Any) -> Response:
        """Count and answer."""
        status = self.broken or status
        self.counts[f"{what} {status}"] += 1
        return JSONResponse(content if status == 200 else {"error": status}, status)


def application(world: World) -> Starlette:
    """The server."""
    app = Starlette(
        routes=[
            Route("/eagle/api/v1/nodes", _nodes),
            Route("/greenbrain/v3/auth/login", _login, methods=["POST"]),
            Route("/greenbrain/v3/bootstrap", _bootstrap),
            Route("/greenbrain/v3/sensor-groups/{id:int}/latest", _latest),
            Route("/axistech/", _axistech),
            Route("/ttn/api/v3/applications/{application}/devices/{device}", _device),
        ]
    )
    app.state.world = world
    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = ArgumentParser(description="Answers as EagleIO, Green Brain, AxisTech and The Things Stack do.")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(application(World()), host="127.0.0.1", port=options.port, log_level="warning")


async def _nodes(request: Request) -> Response:
    world: World = request.app.state.world
    return world.answer("eagle", 200 if request.headers.get("x-api-key") == TOKEN else 401, world.nodes)


async def _login(request: Request) -> Response:
    world: World = request.app.state.world
    token = world.log_in(await request.json())
    return world.answer("login", 200 if token else 401, {"token": token})


async def _bootstrap(request: Request) -> Response:
    world: World = request.app.state.world
    groups = [{"id": number, "name": found["sensorGroup"]["name"]} for number, found in world.groups.items()]
    station = {"id": 9889, "systemId": 1896, "name": "A Chard heavy", "latitude": "-34.25", "longitude": 146.05}
    systems = [{"id": 1896, "name": "Griffith", "stations": [station | {"sensorGroups": groups}]}]
    return world.answer("bootstrap", _bearer(world, request), {"systems": systems})


async def _latest(request: Request) -> Response:
    world: World = request.app.state.world
    status = _bearer(world, request)
    number = request.path_params["id"]
    found = None if number in world.missing else world.groups.get(number)
    return world.answer("latest", 404 if status == 200 and found is None else status, found)


async def _axistech(request: Request) -> Response:
    world: World = request.app.state.world
    asked = request.query_params
    start, end = asked.get("startDate", ""), asked.get("endDate", "")
    world.windows.append((start, end))
    rows = [row for row in world.rows if start <= row["time"] <= end]
    content = {"data": {"00000000-0000-4000-8000-000000000001": {"weather": rows}}}
    return world.answer("axistech", 200 if asked.get("token") == TOKEN else 401, content)


async def _device(request: Request) -> Response:
    world: World = request.app.state.world
    name = f"{request.path_params['application']}/{request.path_params['device']}"
    allowed = request.headers.get("authorization") == f"Bearer {TOKEN}"
    return world.answer("ttn", (200 if name in world.devices else 404) if allowed else 401, world.devices.get(name))


def _bearer(world: World, request: Request) -> int:
    return 200 if world.admits(request.headers.get("authorization", "").removeprefix("bearer ")) else 401


def _point(name: str, value: float) -> dict[str, Any]:
    kind = "io.eagle.models.node.point.NumberPoint"
    return {"_class": kind, "name": name, "currentValue": value, "currentTime": "2024-05-10T23:00:00.000Z"}


def _group(number: int, value: float) -> dict[str, Any]:
    sensor = {"id": 163834, "name": "10cm", "unit": "%", "value": value, "time": "2022-02-09T22:00:00.000"}
    return {
        "system": {"id": 1896, "name": "Griffith"},
        "station": {"id": 9889, "name": "A Chard heavy"},
        "sensorGroup": {"id": number, "name": f"group {number}"},
        "sensorTypes": {"soilMoistureContent": {"id": 2, "name": "Soil Moisture Content", "sensors": [sensor]}},
    }


if __name__ == "__main__":
    main()
