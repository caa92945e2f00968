"""A message as IoTa's consumers know it (iota.md 0.1): one JSON object per reading and logical device. Pure."""

from datetime import UTC, datetime
from typing import Any

from connectors.sinks.outgoing import Message
from streams.core.records import Measurement
from streams.core.times import SECOND


def body(message: Message) -> dict[str, Any]:
    """The object: correlation id, both uids, ISO 8601 times, the series; a point's own time only when it differs."""
    reading = message.reading
    return {
        "broker_correlation_id": reading.correlation_id,
        "p_uid": message.physical_uid,
        "l_uid": message.logical_uid,
        "timestamp": iso(reading.time),
        "timeseries": [_dot(measurement, reading.time) for measurement in message.measurements],
        "source_ids": reading.source_ids,
    }


def iso(time: int) -> str:
    """ns since the epoch -> `2023-01-30T06:21:56Z`, with as many digits of the second as it takes.

    Raises:
        OverflowError: no calendar holds the time.
    """
    seconds, fraction = divmod(time, SECOND)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{digits}Z"


def _dot(measurement: Measurement, message_time: int) -> dict[str, Any]:
    dot: dict[str, Any] = {"name": measurement.name, "value": _value(measurement)}
    if measurement.time != message_time:
        dot["timestamp"] = iso(measurement.time)
    return dot


def _value(measurement: Measurement) -> float | str | None:
    return measurement.text if measurement.value is None else measurement.value
