"""Request bodies of Ubidots' v1.6 device endpoint. Pure.

Source: iota.md 3.3 and Ubidots' API reference, "Send data to a device": `{"name": {"value", "timestamp" in ms,
"context"}}`, an array of such objects where a name has several dots, at most 10 kB a request.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import msgspec
import orjson

from connectors.sinks.outgoing import Message
from streams.core.records import Measurement
from streams.core.times import MILLISECOND

PER_DOT = 4
"""bytes of quotes, colon, brackets and comma around a dot, at most"""


class Dot(msgspec.Struct, frozen=True):
    """One value for Ubidots. ``index``: of its record in the batch; ``time`` in ns."""

    index: int
    logical_uid: int
    name: str
    value: float
    time: int
    correlation_id: str


def dots(index: int, message: Message) -> list[Dot]:
    """The numbers of a message, texts that are numbers among them; other texts cannot be sent."""
    found = []
    for measurement in message.measurements:
        value = number(measurement)
        if value is not None:
            cid = message.reading.correlation_id
            found.append(Dot(index, message.logical_uid, measurement.name, value, measurement.time, cid))
    return found


def number(measurement: Measurement) -> float | None:
    """The measurement as a finite number; None when it is none."""
    value = measurement.value
    if value is None:
        try:
            value = float(measurement.text or "")
        except ValueError:
            return None
    return value if isfinite(value) else None


def requests(every: Sequence[Dot], limit: int) -> Iterator[list[Dot]]:
    """The dots cut into requests of one logical device and at most ``limit`` bytes, in their order, each dot once.

    A dot that is larger than the limit alone is a request of its own, for Ubidots to refuse.
    """
    by_device: dict[int, list[Dot]] = {}
    for dot in every:
        by_device.setdefault(dot.logical_uid, []).append(dot)
    for of_device in by_device.values():
        request: list[Dot] = []
        size = 2
        for dot in of_device:
            cost = len(orjson.dumps(_value(dot))) + len(orjson.dumps(dot.name)) + PER_DOT
            if request and size + cost > limit:
                yield request
                request, size = [], 2
            request.append(dot)
            size += cost
        yield request


def body(request: Sequence[Dot]) -> bytes:
    """The JSON body of one request."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for dot in request:
        by_name.setdefault(dot.name, []).append(_value(dot))
    return orjson.dumps({name: values[0] if len(values) == 1 else values for name, values in by_name.items()})


def _value(dot: Dot) -> dict[str, Any]:
    context = {"broker_correlation_id": dot.correlation_id}
    return {"value": dot.value, "timestamp": dot.time // MILLISECOND, "context": context}
