"""What decoders can be told, by the settings and by the registry."""

from msgspec import Struct

from streams.core.signed_topic import SignedTopic
from streams.core.times import HOUR


class IctColumn(Struct, frozen=True):
    """One field of an ICT logger's line: its place (0 is the time), its name, what to divide it by."""

    field: int
    name: str
    divisor: float = 1.0
    unit: str = ""


class IctLayout(Struct, frozen=True):
    """The lines of the devices whose names match one of the patterns."""

    devices: tuple[str, ...]
    columns: tuple[IctColumn, ...]


class Field(Struct, frozen=True, kw_only=True):
    """One value by configuration: where it stands, what it is called, value * scale + offset in ``unit``."""

    path: str
    name: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


class JsonMapping(Struct, frozen=True, kw_only=True):
    """How to read JSON of certain topics (``core.topic``) or devices (wildcards); both empty: of all."""

    name: str
    topic: str = ""
    devices: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    values: tuple[Field, ...] = ()


class CsvLayout(Struct, frozen=True, kw_only=True):
    """How to read CSV of certain topics (``core.topic``; empty: of all). ``columns`` empty: the first row has the names."""

    topic: str = ""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    device: str = "device"
    time: str = "time"
    time_format: str = ""
    utc_offset: int = 0
    decimal_comma: bool = False
    comment: str = "#"
    texts: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    values: tuple[Field, ...] = ()
    bad_number: str = "row"


class Options(Struct, frozen=True, kw_only=True):
    """Offset in ns; paths are dotted, of several the first that is found counts."""

    ydoc_utc_offset: int = 10 * HOUR
    json_device: tuple[str, ...] = ("device", "device_id", "id")
    json_time: tuple[str, ...] = ("time", "timestamp", "ts")
    json_values: str = "values"
    ict_mqtt_layouts: tuple[IctLayout, ...] = ()
    signed_topics: tuple[SignedTopic, ...] = ()
    ttn_normalized: str = "add"
    json_mappings: tuple[JsonMapping, ...] = ()
    csv_layouts: tuple[CsvLayout, ...] = (CsvLayout(),)
