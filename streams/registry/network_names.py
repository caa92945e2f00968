"""What The Things Stack's device registry knows of a device: its name, its place, its description and attributes.

Asked once, after the device was created (``connectors/api/ttn_names.py``), and kept in ``properties.ttn``.
"""

import json
import re
from typing import Any

from streams.core.records import Location, PhysicalDevice
from streams.core.sender import LATITUDE_LIMIT, LONGITUDE_LIMIT, coordinate
from streams.registry.devices import merged_json
from streams.registry.state import PHYSICAL, Author, Change, State, changed

SOURCE, PROPERTY = "ttn", "ttn"
NAME_LIMIT = 200
ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""The server's own ids are shorter still; who says another in an uplink would have us ask for ``..``, or for no URL at all."""


def unasked(device: PhysicalDevice) -> bool:
    """Whether the network server was never asked for this device, and can be."""
    ids = (device.source_ids.get(name, "") for name in ("app_id", "dev_id"))
    return device.source == SOURCE and all(map(ID.fullmatch, ids)) and PROPERTY not in json.loads(device.properties)


def described(state: State, device: str, answer: dict[str, Any], author: Author) -> list[Change]:
    """Keep the answer; take name and place from it, where no person set them."""
    known = state.by_key(device)
    if known is None:
        return []
    fields: dict[str, Any] = {"properties": merged_json(known.properties, {PROPERTY: answer})}
    if "name" not in known.edited and (name := _name(answer)):
        fields["name"] = name
    if "location" not in known.edited and (location := _location(answer)):
        fields["location"] = location
    return [Change(PHYSICAL, str(known.uid), changed(known, author, **fields))]


def named_by_network(device: PhysicalDevice) -> bool:
    """Whether its name is the one of the network server, which says more than the id that uplinks carry."""
    if device.source != SOURCE:
        return False
    answer = json.loads(device.properties).get(PROPERTY)
    return isinstance(answer, dict) and _name(answer) == device.name


def _name(answer: dict[str, Any]) -> str:
    name = answer.get("name")
    return name.strip()[:NAME_LIMIT] if isinstance(name, str) else ""


def _location(answer: dict[str, Any]) -> Location | None:
    locations = answer.get("locations")
    place = locations.get("user") if isinstance(locations, dict) else None
    if not isinstance(place, dict) or not {"latitude", "longitude"} & set(place):
        return None
    latitude = coordinate(place.get("latitude", 0), LATITUDE_LIMIT)
    longitude = coordinate(place.get("longitude", 0), LONGITUDE_LIMIT)
    return None if latitude is None or longitude is None else Location(latitude, longitude)
