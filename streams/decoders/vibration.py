"""Vibration sensors: batches of up to 25,000 samples a message, announcements, log lines. Source `vibration`.

Source: the sensor-streaming seed's device simulator. Over MQTT the topics are single levels with dots,
`sensor.<serial>.measurements`, `sensor.<serial>.registry.created` and `sensor.<serial>.logs`; what a body is, its shape says:

- a list of `{"SerialNumber", "Timestamp", "Value"}`, RFC 3339 times with up to nine digits and any zone: `acceleration`.
  Its unit is not told, so it stays empty until a rule gives one.
- `{"SerialNumber", "SampleFrequency"}` in Hz: the sensor has started; its property `sample_frequency`.
- `{"SerialNumber", "Timestamp", "Level", "Message"}`: text `log`, the level in front of the message.

A serial number is 1 to 8 letters, digits and `-`, with at least one letter; samples of others are rejected by name. The
retained flag says nothing: a second that comes once more is the same points.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from msgspec import Struct, ValidationError, convert, field
from msgspec.json import Decoder as JsonDecoder

from streams.core.block import TIME, VALUE, Times, Values
from streams.core.message import Ignored, Message, Opened, Rejected, Samples, Sender, Value
from streams.core.normalise import EXACT_INTEGER
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.time_columns import NO_TIME, from_texts

NAME = "acceleration"
SERIAL_LIMIT = 1_000
"""sensors in one batch"""
LEVELS = ("INFO", "WARNING", "ERROR")

_SERIAL = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9-]{1,8}").fullmatch
_TOPIC = re.compile(r"sensor\.([^./]+)\..+").fullmatch
_FIRST_SERIAL = re.compile(rb'"SerialNumber"\s*:\s*"([A-Za-z0-9-]{1,8})"').search


class Sample(Struct, frozen=True, gc=False):
    """One value of a batch."""

    serial: str = field(name="SerialNumber")
    time: str = field(name="Timestamp")
    value: float = field(name="Value")


class Started(Struct, frozen=True):
    """A sensor has booted."""

    serial: str = field(name="SerialNumber")
    frequency: float = field(name="SampleFrequency")


class Line(Struct, frozen=True):
    """A line of a sensor's log."""

    serial: str = field(name="SerialNumber")
    time: str = field(name="Timestamp")
    level: str = field(name="Level")
    message: str = field(name="Message")


class _Batch(Struct, frozen=True):
    """Samples as columns; ``others``: serial, time and value of what is no number, or none that float64 holds."""

    serials: Sequence[str]
    times: Sequence[str]
    values: Values
    others: Sequence[tuple[str, str, Any]] = ()
    faults: Sequence[Rejected] = ()


_BATCH, _ANY = JsonDecoder(list[Sample]), JsonDecoder(Any)


class Vibration:
    """Decoder of source ``vibration``."""

    name = "vibration"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key of the topic's sensor, else of the first in the body: a look at the beginning is enough."""
        topic = _TOPIC(record.address)
        found = _FIRST_SERIAL(record.payload, 0, 4096)
        serial = topic[1] if topic else found[1].decode() if found else ""
        return f"vibration:{serial}" if _SERIAL(serial) else None

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("vibration", source_ids.get("serial_number"))

    def open(self, record: RawRecord) -> list[Opened]:
        """A message per sensor of a batch, what the body says of one sensor, or why it is nothing of all that."""
        try:
            samples = _BATCH.decode(record.payload)
        except (ValueError, RecursionError):
            return _open_any(record)
        columns = _columns(samples)
        return _open_any(record) if columns is None else _messages(columns)


def _columns(samples: Sequence[Sample]) -> _Batch | None:
    """None when a value may have lost digits on its way to float64."""
    values = np.array([sample.value for sample in samples], VALUE) + 0.0
    if bool((np.abs(values) >= EXACT_INTEGER).any()):
        return None
    return _Batch([sample.serial for sample in samples], [sample.time for sample in samples], values)


def _open_any(record: RawRecord) -> list[Opened]:
    """Whatever the shape, part by part."""
    body = read(record.payload, _ANY)
    if isinstance(body, Rejected):
        return [body]
    if isinstance(body, list):
        return _messages(_sorted_out(body))
    if isinstance(body, dict) and "SampleFrequency" in body:
        return [_started(body)]
    if isinstance(body, dict) and "Message" in body:
        return [_line(body)]
    if isinstance(body, dict) and "Value" in body:
        return _messages(_sorted_out([body]))
    return [Rejected("open", "bad-envelope", "neither a list of samples nor an announcement nor a log line")]


def _sorted_out(items: Iterable[Any]) -> _Batch:
    """Numbers as columns, other values besides, and how many are no samples at all."""
    numbers: list[tuple[str, str, float]] = []
    others: list[tuple[str, str, Any]] = []
    odd: list[Any] = []
    for item in items:
        told = item if isinstance(item, dict) else {}
        serial, time = told.get("SerialNumber"), told.get("Timestamp")
        if not isinstance(serial, str) or not isinstance(time, str) or "Value" not in told:
            odd.append(item)
        elif _is_number(told["Value"]):
            numbers.append((serial, time, float(told["Value"])))
        else:
            others.append((serial, time, told["Value"]))
    faults = [Rejected("open", "bad-sample", detail(f"{len(odd)} of them, first: {odd[0]}"))] if odd else []
    values = np.array([value for _, _, value in numbers], VALUE) + 0.0
    return _Batch([serial for serial, _, _ in numbers], [time for _, time, _ in numbers], values, others, faults)


def _is_number(value: object) -> bool:
    """A number that a column holds as it is; an integer beyond float64 has to become a text."""
    if isinstance(value, int):
        return not isinstance(value, bool) and -EXACT_INTEGER < value < EXACT_INTEGER
    return isinstance(value, float)


def _messages(batch: _Batch) -> list[Opened]:
    """A message per sensor, in the order in which they come."""
    parts: list[Opened] = list(batch.faults)
    serials = list(dict.fromkeys([*batch.serials, *(serial for serial, _, _ in batch.others)]))
    good = [serial for serial in serials if _SERIAL(serial)]
    if len(good) < len(serials):
        parts.append(_bad_serials(batch, set(serials).difference(good)))
    if len(good) > SERIAL_LIMIT:
        return [*parts, Rejected("open", "too-many-devices", f"{len(good)} sensors in one batch")]
    numbers = {serial: number for number, serial in enumerate(serials)}
    times, which, others = from_texts(batch.times), _which(batch.serials, numbers), _others(batch)
    for serial in good:
        mine = slice(None) if len(serials) == 1 else which == numbers[serial]
        parts += _of_sensor(serial, times[mine], batch.values[mine], others[serial])
    return parts or [Ignored("empty-batch")]


def _which(serials: Sequence[str], numbers: Mapping[str, int]) -> Times:
    """The number of each sample's serial."""
    if len(numbers) <= 1:
        return np.zeros(len(serials), TIME)
    return np.fromiter((numbers[serial] for serial in serials), TIME, len(serials))


def _others(batch: _Batch) -> defaultdict[str, list[Value]]:
    """What is not in the columns, by serial."""
    found: defaultdict[str, list[Value]] = defaultdict(list)
    times = from_texts([time for _, time, _ in batch.others]).tolist()
    for (serial, _, value), time in zip(batch.others, times, strict=True):
        found[serial].append(Value(NAME, value, time))
    return found


def _of_sensor(serial: str, times: Times, values: Values, others: Sequence[Value]) -> list[Opened]:
    """Its message, and a rejection for what has no time."""
    who = _sender(serial)
    if isinstance(who, Rejected):
        return [who]
    timed, singles = times != NO_TIME, [other for other in others if other.time != NO_TIME]
    if not timed.all():
        times, values = times[timed], values[timed]
    untimed = len(timed) - len(times) + len(others) - len(singles)
    parts: list[Opened] = [Rejected("open", "bad-time", f"{untimed} sample(s)", who.device)] if untimed else []
    if len(times) or singles:
        newest = max([int(times.max(initial=NO_TIME)), *(single.time for single in singles)])
        columns = [Samples(name=NAME, times=times.tobytes(), values=values.tobytes())] if len(times) else []
        parts.insert(0, Message(sender=who, time=newest, values=singles, blocks=columns))
    return parts


def _bad_serials(batch: _Batch, bad: Set[str]) -> Rejected:
    count = sum(serial in bad for serial in [*batch.serials, *(serial for serial, _, _ in batch.others)])
    listed = ", ".join(repr(serial[:40]) for serial in sorted(bad)[:20])
    return Rejected("open", "bad-serial", detail(f"{count} sample(s) of {len(bad)} serial number(s): {listed}"))


def _started(body: dict[str, Any]) -> Opened:
    told = _converted(body, Started)
    if isinstance(told, Rejected):
        return told
    if not 0 < told.frequency < float("inf"):
        return Rejected("open", "bad-frequency", detail(told.frequency), _device(told.serial))
    who = _sender(told.serial, properties={"sample_frequency": repr(told.frequency).removesuffix(".0")})
    return who if isinstance(who, Rejected) else Ignored("registration", who)


def _line(body: dict[str, Any]) -> Opened:
    told = _converted(body, Line)
    if isinstance(told, Rejected):
        return told
    who = _sender(told.serial)
    if isinstance(who, Rejected):
        return who
    time = int(from_texts([told.time])[0])
    if time == NO_TIME:
        return Rejected("open", "bad-time", detail(told.time), who.device)
    if told.level not in LEVELS:
        return Rejected("open", "bad-level", detail(told.level), who.device)
    return Message(sender=who, time=time, values=[Value("log", f"{told.level} {told.message}", time)])


def _converted(body: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return convert(body, kind)
    except ValidationError as error:
        return Rejected("open", "bad-envelope", detail(error))


def _sender(serial: str, **more: Any) -> Sender | Rejected:
    if not _SERIAL(serial):
        return Rejected("open", "bad-serial", detail(repr(serial)))
    return sender("vibration", serial, {"serial_number": serial}, name=serial, **more)


def _device(serial: str) -> str | None:
    return f"vibration:{serial}" if _SERIAL(serial) else None


DECODER = Vibration()
