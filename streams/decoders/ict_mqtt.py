"""ICT International loggers: one line of CSV per MQTT message on ``ict/data/<device>``, its first field the time.

Source: IoTa's ``receiver/ict_mqtt``. What the other fields mean is configuration (``decode.ict_mqtt.layouts``): a device
without a layout is a dead letter, which a replay brings back once it has one. Loggers leave trailing blocks of fields
out; a field that is there and no number makes the whole line suspect, so that it is rejected.
"""

import csv
import re
from collections.abc import Mapping
from fnmatch import translate
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from streams.core.columns import check_lengths
from streams.core.message import Message, Opened, Rejected, Sender, Value
from streams.core.options import IctLayout, Options
from streams.core.payload import detail
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_text

TOPIC = "ict/data/"
CACHED_TOPIC_LIMIT = 400
"""Characters; longer topics are nobody's and would fill the cache."""


class _Line(NamedTuple):
    """The fields of one message, and its time."""

    time: int
    fields: list[str]


class IctMqtt:
    """Decoder of source ``ict_mqtt``."""

    name = "ict_mqtt"
    version = 1

    def __init__(self, options: Options) -> None:
        self._layouts = [
            (re.compile("|".join(map(translate, layout.devices)) or r"(?!)"), layout)
            for layout in options.ict_mqtt_layouts
        ]

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        who = _sender(record.address)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("ict_mqtt", _device(source_ids.get("topic", "")))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message, or the reason why the line says nothing."""
        who = _sender(record.address)
        if isinstance(who, Rejected):
            return [who]
        line = _line(record.payload, who.device)
        if isinstance(line, Rejected):
            return [line]
        name = _device(record.address) or ""
        layout = next((layout for devices, layout in self._layouts if devices.match(name)), None)
        if layout is None:
            return [Rejected("open", "no-layout", detail(f"no layout for device {name}"), who.device)]
        return [_message(line, layout, who)]


def _message(line: _Line, layout: IctLayout, who: Sender) -> Opened:
    values = []
    for column in layout.columns:
        if column.field >= len(line.fields):
            continue
        told = line.fields[column.field]
        number = _number(told)
        if number is None:
            return Rejected("open", "bad-number", detail(f"{column.name}: {told}"), who.device)
        values.append(Value(column.name, number / column.divisor, line.time, column.unit))
    if not values:
        return Rejected("open", "line-too-short", f"{len(line.fields)} field(s), none in the layout", who.device)
    return Message(sender=who, time=line.time, values=values)


def _line(payload: bytes, device: str) -> _Line | Rejected:
    try:
        rows = list(islice(csv.reader(payload.decode("utf-8-sig").splitlines(), strict=True), 2))
        check_lengths(cell for row in rows for cell in row)
    except (ValueError, csv.Error) as error:
        return Rejected("open", "bad-csv", detail(error), device)
    if not rows:
        return Rejected("open", "empty-payload", f"{len(payload)} bytes", device)
    if len(rows) > 1 or not rows[0]:
        return Rejected("open", "bad-csv", "not one line, but more", device)
    fields = [field.strip() for field in rows[0]]
    time = from_text(fields[0])
    return Rejected("open", "bad-time", detail(fields[0]), device) if time is None else _Line(time, fields)


def _number(told: str) -> float | None:
    """Digits as a person writes them; ``nan`` is one of them, a sensor's way to say that it has none."""
    if "_" in told or not told.isascii():
        return None
    try:
        return float(told)
    except ValueError:
        return None


def _device(topic: str) -> str | None:
    """The device that a topic names; None for another kind of topic."""
    name = topic.removeprefix(TOPIC)
    return name if name and name != topic and "/" not in name else None


def _sender(topic: str) -> Sender | Rejected:
    return _new_sender(topic) if len(topic) <= CACHED_TOPIC_LIMIT else _new_sender.__wrapped__(topic)


@lru_cache(maxsize=65_536)
def _new_sender(topic: str) -> Sender | Rejected:
    name = _device(topic)
    if name is None:
        return Rejected("open", "no-device", detail(f"{topic} is not {TOPIC}<device>"))
    return sender("ict_mqtt", name, {"topic": topic}, name=name)


DECODER = IctMqtt
