"""Settings of the sources that are read by configuration: JSON mappings and CSV layouts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from streams.core import options, topic
from streams.core.paths import compiled
from streams.core.times import MINUTE


def _path(text: str) -> str:
    compiled(text)
    return text


def _topic(pattern: str) -> str:
    if pattern and (fault := topic.fault(pattern)) is not None:
        raise ValueError(f"topic {pattern!r}: {fault}")
    return pattern


JsonPath = Annotated[str, AfterValidator(_path)]
Topic = Annotated[str, AfterValidator(_topic)]


class Part(BaseModel):
    """A table of the settings; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JsonValue(Part):
    """One value of a mapping: the JSON at ``path``, times ``scale`` plus ``offset``."""

    path: JsonPath = Field(description="$.a[0].b or a.b; $ is all of the payload")
    name: str = Field(min_length=1, max_length=200)
    unit: str = Field("", max_length=200)
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)


class JsonMapping(Part):
    """How to read JSON of some topics or devices; the first mapping that fits counts."""

    name: str = Field(min_length=1, description="for people; stands in rejections")
    topic: Topic = Field("", description="as plant/{site}/{device}/#: named levels are the device; empty: every topic")
    devices: tuple[str, ...] = Field((), description="only these (* wildcards); empty: every device")
    device: tuple[JsonPath, ...] = Field((), description="paths of the device, before the topic's named levels")
    time: tuple[JsonPath, ...] = ("time", "timestamp", "ts")
    values: tuple[JsonValue, ...] = Field((), description="empty: one value per field")


class CsvColumn(Part):
    """What a column becomes: value * scale + offset, under another name, in a unit."""

    column: str = Field(min_length=1)
    name: str = Field("", max_length=200, description="default: the column's")
    unit: str = Field("", max_length=200)
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)


class CsvLayout(Part):
    """How to read CSV of some topics; the first layout that fits counts. Columns that are not told of keep their names."""

    topic: Topic = Field("", description="as csv/{site}/{device}: named levels are the device; empty: every topic")
    delimiter: str = Field(",", min_length=1, max_length=1)
    columns: tuple[str, ...] = Field((), description="names; empty: the first row has them")
    device: str = Field("device", description="column of the device, before the topic")
    time: str = Field("time", description="column of the time; without it the time of receipt counts")
    time_format: str = Field("", description="as of strptime; empty: ISO 8601, or s, ms, µs, ns since 1970")
    utc_offset_minutes: int = Field(0, ge=-840, le=840, description="of times that name no zone")
    decimal_comma: bool = False
    comment: str = Field("#", max_length=1, description="rows that begin with it are left out; empty: none are")
    values: tuple[CsvColumn, ...] = ()
    texts: tuple[str, ...] = Field((), description="columns of text; in others a text is a bad number")
    ignored: tuple[str, ...] = Field((), description="columns to leave out")
    bad_number: Literal["row", "value"] = Field("row", description="what a bad number rejects")


def json_mapping(told: JsonMapping) -> options.JsonMapping:
    """What the decoder is told."""
    values = tuple(options.Field(**value.model_dump()) for value in told.values)
    return options.JsonMapping(**told.model_dump(exclude={"values"}), values=values)


def csv_layout(told: CsvLayout) -> options.CsvLayout:
    """What the decoder is told."""
    values = tuple(
        options.Field(path=one.column, name=one.name or one.column, unit=one.unit, scale=one.scale, offset=one.offset)
        for one in told.values
    )
    plain = told.model_dump(exclude={"values", "utc_offset_minutes"})
    return options.CsvLayout(**plain, values=values, utc_offset=told.utc_offset_minutes * MINUTE)
