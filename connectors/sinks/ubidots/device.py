"""A logical device as Ubidots shows it: its label, which never changes, and its details. Pure.

Source: iota.md 3.3, calls 2 and 3. The registry keeps Ubidots' own answer under `properties.ubidots`.
"""

from typing import Any

import orjson

from streams.core.records import LogicalDevice, PhysicalDevice

DPI_UID = {"text": "DPI UID", "type": "text", "description": "The unique identifier from the DPI UID tag"}


def label(uid: int, device: LogicalDevice | None) -> str:
    """The label that the registry knows, else one made from the uid, so that no device is ever made twice."""
    known = stored(device).get("label")
    return known if isinstance(known, str) and known else f"isthmus-{uid}"


def stored(device: LogicalDevice | None) -> dict[str, Any]:
    """What Ubidots last said about the device; empty when it was never asked."""
    return _object(_properties(device.properties).get("ubidots")) if device else {}


def details(device: LogicalDevice, physical: PhysicalDevice | None) -> dict[str, Any]:
    """The body that tells Ubidots name and location, and for TTN devices description and DPI UID."""
    properties: dict[str, Any] = {}
    location = device.location or (physical.location if physical else None)
    if location:
        fixed = {"lat": location.latitude, "lng": location.longitude}
        properties |= {"_location_type": "manual", "_location_fixed": fixed}
    ttn = _object(_properties(physical.properties).get("ttn")) if physical else {}
    uid = _object(ttn.get("attributes")).get("uid")
    if uid:
        properties |= {"_config": {"dpi-uid": DPI_UID}, "dpi-uid": uid}
    description = ttn.get("description")
    return {"name": device.name, "properties": properties} | ({"description": description} if description else {})


def agrees(answer: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether Ubidots already shows what is ``wanted``."""
    shown = _object(answer.get("properties"))
    same = all(answer.get(key) == value for key, value in wanted.items() if key != "properties")
    return same and all(shown.get(key) == value for key, value in wanted["properties"].items())


def _properties(text: str) -> dict[str, Any]:
    try:
        return _object(orjson.loads(text))
    except orjson.JSONDecodeError:
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
