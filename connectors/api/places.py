"""Routes for maps: devices with a location, as GeoJSON (RFC 7946)."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from connectors.api.context import Registry, answer
from connectors.api.times import from_ns
from connectors.api.view import Shown, State, View
from streams.core.records import LogicalDevice, PhysicalDevice

router = APIRouter(tags=["map"])
MEDIA_TYPE = "application/geo+json"
Only = Annotated[State | None, Query(description="only devices that are live, late or missing now")]


@router.get("/logical/devices.geojson", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def logical(registry: Registry, view: Shown, state: Only = None) -> Response:
    """Logical devices with a location: their uid, name, last_seen and state (live, late, missing)."""
    return _collection(registry.state.logical.values(), view, state)


@router.get("/physical/devices.geojson", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def physical(registry: Registry, view: Shown, state: Only = None) -> Response:
    """Physical devices with a location: their uid, name, last_seen and state (live, late, missing)."""
    return _collection(registry.state.physical.values(), view, state)


def _collection(devices: Iterable[LogicalDevice | PhysicalDevice], view: View, only: State | None) -> Response:
    shown = [device for device in devices if only in (None, view.state(device.last_seen))]
    features = [_feature(device, view) for device in shown if device.location is not None]
    response = answer({"type": "FeatureCollection", "features": features})
    response.headers["Content-Type"] = MEDIA_TYPE
    return response


def _feature(device: LogicalDevice | PhysicalDevice, view: View) -> dict[str, Any]:
    place = device.location
    coordinates = [] if place is None else [place.longitude, place.latitude]
    properties = {
        "uid": device.uid,
        "name": device.name,
        "last_seen": None if device.last_seen is None else from_ns(device.last_seen),
        "state": view.state(device.last_seen),
    }
    geometry = {"type": "Point", "coordinates": coordinates}
    return {"type": "Feature", "id": device.uid, "geometry": geometry, "properties": properties}
