"""What callers send, as IoTa's ``pdmodels``; fields that are not known are not read."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from connectors.api.times import to_ns
from streams.core import records
from streams.core.identity import GENERATION_BITS
from streams.registry import mappings
from streams.registry.devices import Given
from streams.registry.state import Author, Command, Refused

NUMBER = re.compile(r"\s*[+-]?[0-9]*\.?[0-9]*\s*")


def _aware(time: datetime) -> datetime:
    """A time without zone is UTC."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    if not 1970 <= aware.year < 2262:
        raise ValueError("the year must be 1970 to 2261")
    return aware


def _written(value: object) -> object:
    """A bare number might be seconds, milliseconds or a year."""
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        raise ValueError("write a time as ISO 8601, such as 2026-05-01T10:00:00Z")
    return value


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return value


Uid = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Time = Annotated[datetime, BeforeValidator(_written), AfterValidator(_aware)]
Object = Annotated[dict[str, JsonValue], AfterValidator(_storable)]
Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class Location(BaseModel):
    """WGS 84 degrees; both null, as IoTa sends it, is no location."""

    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    long: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)

    @model_validator(mode="after")
    def _both_or_none(self) -> "Location":
        if (self.lat is None) != (self.long is None):
            raise ValueError("give both lat and long, or neither")
        return self


class Device(BaseModel):
    """What a physical and a logical device share."""

    name: Name
    location: Location | None = None
    last_seen: Time | None = None
    properties: Object = {}

    def given(self) -> Given:
        """What the caller said, for the registry."""
        place = self.location
        known = place is not None and place.lat is not None and place.long is not None
        return Given(
            fields=frozenset(self.model_fields_set),
            name=self.name,
            location=records.Location(place.lat, place.long) if known else None,  # type: ignore[union-attr, arg-type]  # known
            last_seen=None if self.last_seen is None else to_ns(self.last_seen),
            properties=self.properties,
            source_ids={name: _text(value) for name, value in getattr(self, "source_ids", {}).items()},
        )


class NewLogicalDevice(Device):
    """A place to be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "North paddock soil probe", "location": {"lat": -31.9, "long": 148.6}}]
        }
    )


class NewPhysicalDevice(Device):
    """A box to be; its source ids say which, so that its first message finds it."""

    source_name: Name
    source_ids: Object = {}

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"source_name": "ttn", "name": "Probe 7", "source_ids": {"dev_eui": "70b3d57ed0051a2b"}}]
        }
    )


class LogicalDeviceEdit(Device):
    """Merged into the device: what is not given stays, a property that is null goes."""

    uid: Uid | None = None
    name: Name = ""

    model_config = ConfigDict(json_schema_extra={"examples": [{"uid": 3, "name": "North paddock, 30 cm"}]})


class PhysicalDeviceEdit(LogicalDeviceEdit):
    """Merged into the device: what is not given stays, a property or source id that is null goes."""

    source_ids: Object = {}


class Reference(BaseModel):
    """A device by its uid; the rest of it is not read."""

    uid: Uid


class Variable(BaseModel):
    """How a mapping shows the measurement ``from``: as ``to``, × ``scale`` + ``offset``, or (``drop``) not at all."""

    source: Name = Field(alias="from")
    target: Name | None = Field(None, alias="to")
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    drop: bool = False

    def record(self) -> records.Variable:
        """For the registry."""
        return records.Variable(**self.model_dump())


class NewMapping(BaseModel):
    """From ``start_time`` (default now) on, the physical device feeds the logical one. ``force`` ends what is in the way."""

    pd: Uid | Reference
    ld: Uid | Reference
    start_time: Time | None = None
    force: bool = False
    variables: list[Variable] = Field([], max_length=1000)

    def command(self, by: Author) -> Command:
        """What it asks of the registry."""
        at = by.at if self.start_time is None else to_ns(self.start_time)
        pair = partial(mappings.start, physical_uid=uid_of(self.pd), logical_uid=uid_of(self.ld), at=at, author=by)
        return partial(pair, force=self.force, variables=[variable.record() for variable in self.variables])

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pd": 12, "ld": 3, "start_time": "2026-11-01T00:00:00+00:00"}]}
    )


class Variables(BaseModel):
    """What the open mapping renames, scales and drops: all of it, in place of what it did before.

    ``start_time`` null: since the mapping began, as if it had always been so; else from that time on.
    """

    variables: list[Variable] = Field(max_length=1000)
    start_time: Time | None = None

    def since(self) -> int | None:
        """ns; None: since the mapping began."""
        return None if self.start_time is None else to_ns(self.start_time)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"variables": [{"from": "temp_1", "to": "soil_temperature"}, {"from": "rssi", "drop": True}]}]
        }
    )


class Copy(BaseModel):
    """A physical device to make a logical one like; ``map``: and to map to it, from ``start_time`` (default now) on."""

    pd: Uid | Reference
    map: bool = False
    start_time: Time | None = None
    force: bool = False

    model_config = ConfigDict(json_schema_extra={"examples": [{"pd": 12, "map": True}]})


class Note(BaseModel):
    """What is written down; ``uid`` and ``ts`` (default: as it was) only count when a note is edited."""

    note: Annotated[str, Field(max_length=10_000)]
    uid: Uid | None = None
    ts: Time | None = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "battery replaced"}]})


class NewGeneration(BaseModel):
    """Why it is opened. ``once``: not again, when one has been opened for exactly this reason."""

    why: Text
    once: bool = False
    above: int = Field(0, ge=0, lt=2**GENERATION_BITS - 2**12, description="a number that its own has to be beyond")

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": "calibration of the level sensors"}]})


def uid_of(device: int | Reference) -> int:
    """The uid that stands for it."""
    return device if isinstance(device, int) else device.uid


def edited_uid(body: LogicalDeviceEdit | Note) -> int:
    """The uid of what is to be edited.

    Raises:
        Refused: 404 none was given.
    """
    if body.uid is None:
        raise Refused(404, "Say by its uid what is to be edited.")
    return body.uid


def _text(value: JsonValue) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
