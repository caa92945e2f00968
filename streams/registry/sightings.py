"""What streams notice about devices, folded into the registry: devices create themselves at their first message.

Pure and idempotent: the same events told twice leave the same device, so at least once is enough.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from streams.core.place import place
from streams.core.records import DeviceEvent, Location, LogicalDevice, PhysicalDevice, Source
from streams.core.sender import united
from streams.registry.devices import STREAMS_KEEP_OFF, merged_json, registered
from streams.registry.network_names import named_by_network
from streams.registry.state import LOGICAL, PHYSICAL, SOURCES, Author, Change, State, changed
from streams.registry.takeover import inherited, replaced


class Sighting(Struct, frozen=True, kw_only=True):
    """All that was noticed about one device since the registry was last told.

    ``first`` is the event that began it, ``raw`` where in `raw` (partition@offset) the latest one stands.
    """

    first: DeviceEvent
    latest: int
    raw: str | None = None
    source_ids: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    location: Location | None = None
    properties: dict[str, str] = field(default_factory=dict)


def noticed(before: Sighting | None, event: DeviceEvent) -> Sighting:
    """The sighting with one more event."""
    before = before or Sighting(first=event, latest=event.at)
    known = event.latitude is not None and event.longitude is not None
    return replace(
        before,
        latest=max(before.latest, event.at),
        raw=before.raw
        if event.raw_offset < 0 or event.at < before.latest
        else f"{event.raw_partition}@{event.raw_offset}",
        source_ids=united(before.source_ids, event.source_ids),
        name=event.name or before.name,
        location=Location(event.latitude or 0.0, event.longitude or 0.0) if known else before.location,
        properties=before.properties | event.properties,
    )


def sight(state: State, sightings: Mapping[str, Sighting], author: Author) -> list[Change]:
    """Tell the registry: new devices, new facts, and last_seen, which only moves forward and never beyond now."""
    changes: list[Change] = []
    uid, logical_seen = state.next_uid(PHYSICAL), dict[int, int]()
    for device, sighting in sightings.items():
        known = state.by_key(device)
        if known is None:
            changes += registered(state, _new_device(state, uid, device, sighting, author), author)
            uid += 1
        else:
            changes += _known(known, sighting, author)
        if (logical := place(state.mappings.get(device), sighting.latest)) is not None:
            logical_seen[logical] = max(logical_seen.get(logical, 0), sighting.latest)
    return [*_new_sources(state, sightings.values(), author), *changes, *_logical(state, logical_seen, author)]


def welcome(state: State, sightings: Mapping[str, Sighting], limit: int) -> dict[str, Sighting]:
    """Those to tell the registry of: known devices, and new ones while their source has fewer than ``limit`` devices.

    Anybody who may send can make up devices, by topics above all; what the others say is stored without being registered.
    """
    new = [device for device in sightings if state.by_key(device) is None]
    if not new:
        return dict(sightings)
    count = Counter(device.source for device in state.physical.values())
    refused = set()
    for device in new:
        source = source_of(device, sightings[device])
        count[source] += 1
        if count[source] > limit:
            refused.add(device)
    return {device: sighting for device, sighting in sightings.items() if device not in refused}


def source_of(device: str, sighting: Sighting) -> str:
    """The source of a device that was seen."""
    return sighting.first.source or device.partition(":")[0]


def labelled(state: State, labels: Mapping[int, dict[str, Any]], author: Author) -> list[Change]:
    """Keep what Ubidots says of logical devices (uid -> its answer, the label above all) in ``properties.ubidots``."""
    changes = []
    for uid, ubidots in labels.items():
        device = state.logical.get(uid)
        properties = merged_json(device.properties, {"ubidots": ubidots}) if device else ""
        if device and properties != device.properties:
            changes.append(Change(LOGICAL, str(uid), changed(device, author, properties=properties)))
    return changes


def _new_device(state: State, uid: int, device: str, sighting: Sighting, author: Author) -> PhysicalDevice:
    source, name = source_of(device, sighting), sighting.name or device.partition(":")[2]
    old = replaced(state, source, name)
    return PhysicalDevice(
        uid=uid,
        device=device,
        source=source,
        name=name,
        location=sighting.location or (old.location if old else None),
        last_seen=min(sighting.latest, author.at),
        source_ids=sighting.source_ids,
        properties=merged_json(_creation(sighting), sighting.properties | inherited(old)),
        created_at=author.at,
        last_raw=sighting.raw,
        **author.stamp(),
    )


def _creation(sighting: Sighting) -> str:
    return merged_json("{}", {"creation_correlation_id": sighting.first.correlation_id or None})


def _known(device: PhysicalDevice, sighting: Sighting, author: Author) -> list[Change]:
    fields = _news(device, sighting)
    seen = min(sighting.latest, author.at)
    if device.last_seen is None or seen > device.last_seen:
        fields |= {"last_seen": seen, "last_raw": sighting.raw or device.last_raw}
    if not fields:
        return []
    # Its stamp goes on to say who changed it last: being seen is no change.
    told = changed(device, author, **fields) if STREAMS_KEEP_OFF & fields.keys() else replace(device, **fields)
    return [Change(PHYSICAL, str(device.uid), told)]


def _news(device: PhysicalDevice, sighting: Sighting) -> dict[str, object]:
    """The device's fields that differ; name and location stay as a person, the name also as its network, set them."""
    seen: dict[str, object] = {
        "source_ids": united(device.source_ids, sighting.source_ids),
        "properties": merged_json(device.properties, sighting.properties),
    }
    if sighting.name not in {None, device.name} and "name" not in device.edited and not named_by_network(device):
        seen["name"] = sighting.name
    if sighting.location is not None and "location" not in device.edited:
        seen["location"] = sighting.location
    return {name: value for name, value in seen.items() if value != getattr(device, name)}


def _logical(state: State, seen: Mapping[int, int], author: Author) -> list[Change]:
    found = ((state.logical.get(uid), min(at, author.at)) for uid, at in seen.items())
    return [_seen(device, at) for device, at in found if device and (device.last_seen or 0) < at]


def _seen(device: LogicalDevice, at: int) -> Change:
    return Change(LOGICAL, str(device.uid), replace(device, last_seen=at))


def _new_sources(state: State, sightings: Iterable[Sighting], author: Author) -> list[Change]:
    names = {sighting.first.source for sighting in sightings} - set(state.sources) - {""}
    return [Change(SOURCES, name, Source(name=name, **author.stamp())) for name in sorted(names)]
