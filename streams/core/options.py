"""What decoders can be told, by the settings and by the registry."""

from msgspec import Struct

from streams.core.signed_topic import SignedTopic

HOUR = 3_600_000_000_000


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


class Options(Struct, frozen=True, kw_only=True):
    """Offset in ns; paths are dotted, of several the first that is found counts."""

    ydoc_utc_offset: int = 10 * HOUR
    json_device: tuple[str, ...] = ("device", "device_id", "id")
    json_time: tuple[str, ...] = ("time", "timestamp", "ts")
    json_values: str = "values"
    ict_mqtt_layouts: tuple[IctLayout, ...] = ()
    signed_topics: tuple[SignedTopic, ...] = ()
