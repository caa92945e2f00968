"""Raw messages, dead letters and registry records -> rows for the store. Pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct

from connectors.sinks.base import Record
from connectors.sinks.clickhouse.table import Table
from streams.core.receipt import by_log_time
from streams.core.records import (
    DeadLetter,
    DeviceMapping,
    Interval,
    Location,
    LogicalDevice,
    PhysicalDevice,
    RawRecord,
    Variable,
)
from streams.core.signed_topic import SignedTopic

TIME, MAYBE_TIME = "DateTime64(9, 'UTC')", "Nullable(DateTime64(9, 'UTC'))"
DISTANT = 1 << 62
"""2116: where an open or absurd time is cut off, so that it stays inside ClickHouse's range"""

Row = tuple[Any, ...]


class Logged(NamedTuple):
    """How one topic becomes rows. ``gone``: rows of a deletion in a compacted topic, None where there is none."""

    kind: type[Struct]
    table: Table
    rows: Callable[[Record, Any], list[Row]]
    gone: Callable[[Record], list[Row]] | None = None


RAW = Table(
    "raw_messages",
    {
        "raw_partition": "UInt8",
        "raw_offset": "UInt64",
        "id": "String",
        "source": "LowCardinality(String)",
        "transport": "LowCardinality(String)",
        "address": "String",
        "received_at": TIME,
        "content_type": "LowCardinality(String)",
        "headers": "Map(String, String)",
        "connector": "LowCardinality(String)",
        "payload": "String",
    },
)
DEAD_LETTERS = Table(
    "dead_letters",
    {
        "stage": "LowCardinality(String)",
        "reason": "LowCardinality(String)",
        "detail": "String",
        "raw_partition": "Int32",
        "raw_offset": "Int64",
        "index": "Int32",
        "source": "LowCardinality(String)",
        "device": "Nullable(String)",
        "decoder": "LowCardinality(String)",
        "at": TIME,
        "body": "Nullable(String)",
        "correlation_id": "String",
    },
)
_PLACED = {
    "latitude": "Nullable(Float64)",
    "longitude": "Nullable(Float64)",
    "last_seen": MAYBE_TIME,
    "properties": "String",
    "created_at": TIME,
    "changed_at": TIME,
    "changed_by": "String",
    "position": "UInt64",
    "is_deleted": "UInt8",
}
PHYSICAL = Table(
    "physical_devices",
    {
        "uid": "UInt64",
        "device": "String",
        "source": "LowCardinality(String)",
        "name": "String",
        "source_ids": "Map(String, String)",
        **_PLACED,
    },
)
LOGICAL = Table("logical_devices", {"uid": "UInt64", "name": "String", **_PLACED})
MAPPING = Table(
    "device_mapping",
    {
        "device": "String",
        "ordinal": "UInt32",
        "physical_uid": "UInt64",
        "logical_uid": "UInt64",
        "start": TIME,
        "end": MAYBE_TIME,
        "pauses": f"Array(Tuple(start {TIME}, end {MAYBE_TIME}))",
        "variables": "Array(Tuple(source String, target String, scale Float64, offset Float64, drop UInt8))",
        "changed_at": TIME,
        "changed_by": "String",
        "why": "String",
        "position": "UInt64",
    },
)
RETENTION = Table(
    "retention",
    {"device": "String", "raw_retention_s": "UInt32", "aggregate_retention_s": "UInt32", "position": "UInt64"},
)


def raw(record: Record, message: RawRecord) -> list[Row]:
    """A message at its place in `raw`, received when everybody who decodes it says so."""
    received_at = by_log_time(message, record.timestamp, record.offset).received_at
    return [
        (
            record.partition,
            record.offset,
            message.id,
            message.source,
            message.transport,
            message.address,
            _time(received_at),
            message.content_type,
            message.headers,
            message.connector,
            message.payload,
        )
    ]


def dead_letter(_record: Record, letter: DeadLetter) -> list[Row]:
    """A dead letter."""
    return [
        (
            letter.stage,
            letter.reason,
            letter.detail,
            letter.raw_partition,
            letter.raw_offset,
            letter.index,
            letter.source,
            letter.device,
            letter.decoder,
            _time(letter.at),
            letter.body,
            letter.correlation_id,
        )
    ]


def physical(record: Record, device: PhysicalDevice) -> list[Row]:
    """A physical device as it is now."""
    return [
        (device.uid, device.device, device.source, device.name, device.source_ids, *_placed(record, device, gone=False))
    ]


def logical(record: Record, device: LogicalDevice) -> list[Row]:
    """A logical device as it is now."""
    return [(device.uid, device.name, *_placed(record, device, gone=False))]


def physical_gone(record: Record) -> list[Row]:
    """The end of a physical device."""
    nobody = PhysicalDevice(uid=_uid(record), device="", source="", name="")
    return [(nobody.uid, "", "", "", {}, *_placed(record, nobody, gone=True))]


def logical_gone(record: Record) -> list[Row]:
    """The end of a logical device."""
    nobody = LogicalDevice(uid=_uid(record), name="")
    return [(nobody.uid, "", *_placed(record, nobody, gone=True))]


def mapping(record: Record, device: DeviceMapping) -> list[Row]:
    """One row per interval of a device's history; one with logical_uid 0 when it is empty."""
    intervals = device.intervals or [Interval(0, 0, 0)]
    return [
        (
            device.device,
            ordinal,
            device.physical_uid,
            interval.logical_uid,
            _time(interval.start),
            _maybe_time(interval.end),
            [(_time(pause.start), _maybe_time(pause.end)) for pause in interval.pauses],
            [_variable(variable) for variable in interval.variables],
            _time(device.changed_at),
            device.changed_by,
            device.why,
            record.offset,
        )
        for ordinal, interval in enumerate(intervals)
    ]


def mapping_gone(record: Record) -> list[Row]:
    """A device without a history."""
    return mapping(record, DeviceMapping(device=(record.key or b"").decode("utf-8", "replace"), physical_uid=0))


def retention(record: Record, topic: SignedTopic) -> list[Row]:
    """How long a signed topic's points are shown; 0: no end."""
    return [(f"signed:{topic.topic}", topic.raw_retention, topic.aggregate_retention or 0, record.offset)]


LOGGED = {
    "raw": Logged(RawRecord, RAW, raw),
    "dead-letters": Logged(DeadLetter, DEAD_LETTERS, dead_letter),
    "physical-devices": Logged(PhysicalDevice, PHYSICAL, physical, physical_gone),
    "logical-devices": Logged(LogicalDevice, LOGICAL, logical, logical_gone),
    "device-mapping": Logged(DeviceMapping, MAPPING, mapping, mapping_gone),
    # A topic that is removed keeps its retention: what is hidden must not come back.
    "signed-topics": Logged(SignedTopic, RETENTION, retention, lambda _: []),
}
"""By topic."""


def _placed(record: Record, device: PhysicalDevice | LogicalDevice, *, gone: bool) -> Row:
    where: Location | None = device.location
    return (
        where and where.latitude,
        where and where.longitude,
        _maybe_time(device.last_seen),
        device.properties,
        _time(device.created_at),
        _time(device.changed_at),
        device.changed_by,
        record.offset,
        int(gone),
    )


def _variable(variable: Variable) -> tuple[str, str, float, float, int]:
    target = variable.target or variable.source
    return variable.source, target, variable.scale, variable.offset, int(variable.drop)


def _uid(record: Record) -> int:
    text = (record.key or b"").decode("ascii", "replace")
    return int(text) if text.isdecimal() else 0


def _time(ns: int) -> int:
    return min(max(ns, 0), DISTANT)


def _maybe_time(ns: int | None) -> int | None:
    return None if ns is None else _time(ns)
