"""Devices and mappings as people write them down in a file, and what has to be done so that the registry is so. Pure.

What the file does not name stays as it is; nothing is ever removed. A physical device is found by its key (``device``), else
by source and source ids; a logical one by its ``uid``, else by its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

FORMAT = "isthmus registry 1"
Found = Mapping[str, Any]
"""A device or mapping as the API shows it."""


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


class Part(BaseModel):
    """Strict: a misspelt name must not pass unseen."""

    model_config = ConfigDict(extra="forbid")


class Place(Part):
    """Degrees."""

    lat: float
    long: float


class Physical(Part):
    """A box in the field."""

    device: str | None = None
    source_name: str
    name: str
    location: Place | None = None
    source_ids: dict[str, JsonValue] = {}
    properties: dict[str, JsonValue] = {}


class Logical(Part):
    """A place that people know."""

    uid: int | None = None
    name: str
    location: Place | None = None
    properties: dict[str, JsonValue] = {}


class Shows(Part):
    """How a mapping shows one measurement."""

    source: str = Field(alias="from")
    to: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    drop: bool = False


class Feeds(Part):
    """An open mapping: ``pd`` by key or uid, ``ld`` by name or uid; ``start_time`` default: now."""

    pd: int | str
    ld: int | str
    start_time: Annotated[datetime, AfterValidator(_aware)] | None = None
    variables: list[Shows] = []


class Wanted(Part):
    """A whole file."""

    format: str = FORMAT
    physical_devices: list[Physical] = []
    logical_devices: list[Logical] = []
    mappings: list[Feeds] = []


class Have(NamedTuple):
    """The registry as the API shows it."""

    physical: Sequence[Found]
    logical: Sequence[Found]
    mappings: Sequence[Found]


class Step(NamedTuple):
    """One call of the API. ``verb``: create, change, map or show; ``ends``: (pd, ld) of a mapping, by uid or as the file names them."""

    verb: str
    what: str
    method: str
    path: str
    body: dict[str, Any]
    ends: tuple[int | str, int | str] | None = None


class Unclear(ValueError):
    """The file does not say which device it means."""


def steps(wanted: Wanted, have: Have) -> Iterator[Step]:
    """What is to be done, in order; nothing where everything is so.

    Raises:
        Unclear: an unknown uid, key or name, or a name that several devices have.
    """
    for box in wanted.physical_devices:
        yield from _physical(box, have)
    for place in wanted.logical_devices:
        yield from _logical(place, have)
    for feeds in wanted.mappings:
        yield from _mapping(feeds, wanted, have)


def same_box(box: Physical, found: Found) -> bool:
    """Whether the registry's device is the one that the file means."""
    if box.device is not None and box.device == found["device"]:
        return True
    if found["source_name"] != box.source_name:
        return False
    nameless: bool = found["device"].startswith(f"{box.source_name}:uid-")
    by_ids = bool(box.source_ids) and found["source_ids"] == box.source_ids
    return bool(by_ids or (nameless and found["name"] == box.name))


def _physical(box: Physical, have: Have) -> Iterator[Step]:
    known = next((found for found in have.physical if same_box(box, found)), None)
    body = box.model_dump(mode="json", exclude={"device"}, exclude_unset=True)
    if known is None:
        yield Step("create", f"physical device {box.name}", "POST", "/physical/devices", body)
    elif edit := _edit({name: body[name] for name in body if name != "source_name"}, known):
        what = f"physical device {known['uid']} {known['name']}: {', '.join(edit)}"
        yield Step("change", what, "PATCH", "/physical/devices", edit | {"uid": known["uid"]})


def _logical(place: Logical, have: Have) -> Iterator[Step]:
    known = _place(place.uid if place.uid is not None else place.name, have, must=place.uid is not None)
    body = place.model_dump(mode="json", exclude={"uid"}, exclude_unset=True)
    if known is None:
        yield Step("create", f"logical device {place.name}", "POST", "/logical/devices", body)
    elif edit := _edit(body, known):
        what = f"logical device {known['uid']} {known['name']}: {', '.join(edit)}"
        yield Step("change", what, "PATCH", "/logical/devices", edit | {"uid": known["uid"]})


def _edit(asked: dict[str, Any], known: Found) -> dict[str, Any]:
    """The fields that differ; of properties and source ids only those that are named count."""
    edit: dict[str, Any] = {}
    for name, value in asked.items():
        if isinstance(value, dict) and name != "location":
            if any(known[name].get(key) != one for key, one in value.items()):
                edit[name] = value
        elif value != known[name]:
            edit[name] = value
    return edit


def _mapping(feeds: Feeds, wanted: Wanted, have: Have) -> Iterator[Step]:
    box, place = _box(feeds.pd, wanted, have), _place(feeds.ld, have, must=False)
    if place is None and not any(feeds.ld == one.name for one in wanted.logical_devices):
        raise Unclear(f"there is no logical device {feeds.ld}")
    ends = (box["uid"] if box else feeds.pd, place["uid"] if place else feeds.ld)
    current = next((m for m in have.mappings if box and m["pd"] == box["uid"] and m["end_time"] is None), None)
    shows = [one.model_dump(by_alias=True) for one in feeds.variables]
    if current is None or place is None or current["ld"] != place["uid"]:
        start = None if feeds.start_time is None else feeds.start_time.isoformat()
        body = {"start_time": start, "force": True, "variables": shows}
        yield Step("map", f"{feeds.pd} → {feeds.ld}", "POST", "/mappings", body, ends)
    elif feeds.start_time is not None and feeds.start_time != datetime.fromisoformat(current["start_time"]):
        raise Unclear(f"{feeds.pd} feeds {feeds.ld} since {current['start_time']}: history is not changed by a file")
    elif "variables" in feeds.model_fields_set and shows != current["variables"]:
        path = f"/mappings/physical/variables/{ends[0]}"
        yield Step("show", f"{feeds.pd} → {feeds.ld}", "PUT", path, {"variables": shows})


def _box(named: int | str, wanted: Wanted, have: Have) -> Found | None:
    found = next((one for one in have.physical if named in (one["uid"], one["device"])), None)
    told = [one for one in wanted.physical_devices if named == one.device]
    if found is None and told:
        found = next((one for one in have.physical if same_box(told[0], one)), None)
    if found is None and not told:
        raise Unclear(f"there is no physical device {named}")
    return found


def _place(named: int | str, have: Have, *, must: bool) -> Found | None:
    found = [one for one in have.logical if named == (one["uid"] if isinstance(named, int) else one["name"])]
    if len(found) > 1:
        raise Unclear(f"{len(found)} logical devices are called {named}: give the uid")
    if not found and (must or isinstance(named, int)):
        raise Unclear(f"there is no logical device {named}; without uid a new one is made")
    return found[0] if found else None
