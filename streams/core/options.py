"""What decoders can be told by the settings."""

from msgspec import Struct

HOUR = 3_600_000_000_000


class Options(Struct, frozen=True, kw_only=True):
    """Offset in ns; paths are dotted, of several the first that is found counts."""

    ydoc_utc_offset: int = 10 * HOUR
    json_device: tuple[str, ...] = ("device", "device_id", "id")
    json_time: tuple[str, ...] = ("time", "timestamp", "ts")
    json_values: str = "values"
