"""Device commands: register and edit. An edit is a merge: what is not given stays as it is."""

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from streams.core.records import DeviceMapping, Location, LogicalDevice, PhysicalDevice, Source
from streams.registry.device_keys import key_of, unnamed_key
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, SOURCES, Author, Change, Refused, State, changed

STREAMS_KEEP_OFF = frozenset({"name", "location"})
"""Fields that streams no longer touch once a person set them."""


class Given(Struct, frozen=True, kw_only=True):
    """What a person says about a device; ``fields`` names what was given at all, so that None can clear a field.

    ``properties`` and ``source_ids`` are merged key by key (RFC 7386): None removes a key.
    """

    fields: frozenset[str]
    name: str = ""
    location: Location | None = None
    last_seen: int | None = None
    properties: Mapping[str, Any] = {}
    source_ids: Mapping[str, str | None] = {}


def create_physical(state: State, source: str, given: Given, author: Author) -> list[Change]:
    """Register a physical device; its first message will find it by its key.

    Raises:
        Refused: 400 unknown source; 409 the device is registered already.
    """
    if source not in state.sources:
        raise Refused(400, f"There is no source {source}.")
    uid = state.next_uid(PHYSICAL)
    source_ids = {name: value for name, value in given.source_ids.items() if value is not None}
    key = key_of(source, source_ids) or unnamed_key(source, uid)
    if (known := state.by_key(key)) is not None:
        raise Refused(409, f"Physical device {known.uid} has the same identity ({key}).")
    device = PhysicalDevice(
        uid=uid,
        device=key,
        source=source,
        name=given.name,
        location=given.location,
        last_seen=given.last_seen,
        source_ids=source_ids,
        properties=merged_json("{}", given.properties),
        edited=sorted(name for name in STREAMS_KEEP_OFF if getattr(given, name)),
        created_at=author.at,
        **author.stamp(),
    )
    return registered(state, device, author)


def registered(state: State, device: PhysicalDevice, author: Author) -> list[Change]:
    """The device, and its mapping record: from that the agents learn its uid. Earlier history of its key is kept."""
    known = state.mappings.get(device.device)
    mapping = DeviceMapping(
        device=device.device,
        physical_uid=device.uid,
        intervals=[] if known is None else known.intervals,
        **author.stamp(),
    )
    return [Change(PHYSICAL, str(device.uid), device), Change(MAPPING, device.device, mapping)]


def create_logical(state: State, given: Given, author: Author) -> list[Change]:
    """Register a logical device."""
    device = LogicalDevice(
        uid=state.next_uid(LOGICAL),
        name=given.name,
        location=given.location,
        last_seen=given.last_seen,
        properties=merged_json("{}", given.properties),
        created_at=author.at,
        **author.stamp(),
    )
    return [Change(LOGICAL, str(device.uid), device)]


def edit_physical(state: State, uid: int, given: Given, author: Author) -> list[Change]:
    """Merge what was given into a physical device.

    Raises:
        Refused: 404 unknown device.
    """
    device = state.physical_device(uid)
    fields = _merged(device, given)
    source_ids = {k: v for k, v in {**device.source_ids, **given.source_ids}.items() if v is not None}
    by_hand = {name for name in STREAMS_KEEP_OFF if name in fields and fields[name] != getattr(device, name)}
    edited = sorted(by_hand | set(device.edited))
    fields |= {"source_ids": source_ids, "edited": edited}
    return [Change(PHYSICAL, str(uid), changed(device, author, **fields))] if _differs(device, fields) else []


def edit_logical(state: State, uid: int, given: Given, author: Author) -> list[Change]:
    """Merge what was given into a logical device.

    Raises:
        Refused: 404 unknown device.
    """
    device = state.logical_device(uid)
    fields = _merged(device, given)
    return [Change(LOGICAL, str(uid), changed(device, author, **fields))] if _differs(device, fields) else []


def declare_sources(state: State, names: Mapping[str, str], author: Author) -> list[Change]:
    """Register the sources (name -> title) that are not registered yet."""
    missing = sorted(set(names) - set(state.sources))
    return [Change(SOURCES, name, Source(name=name, title=names[name], **author.stamp())) for name in missing]


def merged_json(document: str, patch: Mapping[str, Any]) -> str:
    """The JSON object with ``patch`` merged into it (RFC 7386)."""
    return json.dumps(_merge_patch(json.loads(document), patch), ensure_ascii=False, separators=(",", ":"))


def _merged(device: PhysicalDevice | LogicalDevice, given: Given) -> dict[str, Any]:
    fields = {name: getattr(given, name) for name in ("name", "location", "last_seen") if name in given.fields}
    return fields | {"properties": merged_json(device.properties, given.properties)}


def _differs(device: PhysicalDevice | LogicalDevice, fields: Mapping[str, Any]) -> bool:
    """An edit that changes nothing is nobody's change."""
    return any(getattr(device, name) != value for name, value in fields.items())


def _merge_patch(target: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_patch(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged
