"""Sparkplug B payloads: metrics by name or alias -> values of their datatypes, and what births define.

Source: Sparkplug specification 3.0, 6.4 (payloads, datatypes). Signed integers are carried in unsigned fields as two's
complement, of their own width or of the field's: both are read. An unsigned field may be the one of 32 or of 64 bits.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from threading import Lock

from google.protobuf.message import DecodeError
from msgspec import Struct

from streams.core.message import Ignored, Opened, Rejected, Value
from streams.core.payload import detail
from streams.core.times import EARLIEST, MILLISECOND, to_text
from streams.decoders.wire.sparkplug_pb2 import Metric, Payload

METRIC_LIMIT = 5_000
"""Metrics of a payload; more are refused."""
COMPRESSED = "SPBV1.0_COMPRESSED"

SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
UNSIGNED = {5: 8, 6: 16, 7: 32, 8: 64}
"""datatype -> bits"""
NUMBERS, BOOLEAN, TEXTS, DATE_TIME = (9, 10), 11, (12, 14, 15), 13
MANY = range(16, 35)
"""data sets, bytes, files, templates, property sets, arrays: no value of one name at one time"""
COMMANDS = ("Node Control/", "Device Control/")
"""metrics to write to, not to read"""
_WIDTHS = {"int_value": 32, "long_value": 64}
_PLAIN = ("float_value", "double_value", "boolean_value", "string_value")
"""fields that need no datatype to be read"""
_NO_NAME = Rejected("open", "no-name", "")
_UNKNOWN_ALIAS = Rejected("open", "unknown-alias", "")
_WRONG_TYPE = Rejected("open", "wrong-type", "")
_OUT_OF_RANGE = Rejected("open", "out-of-range", "")
_NO_DATATYPE = Rejected("open", "no-datatype", "")
_NO_SCALAR, _COMMAND = Ignored("no-scalar"), Ignored("control-metric")
ROOM, METRIC_ROOM = 64_000_000, 350
"""bytes that definitions which are kept take together, and that a metric takes besides its name"""


class Definition(Struct, frozen=True):
    """What a birth says of a metric; ``datatype`` 0: nothing."""

    name: str
    datatype: int
    unit: str


class Definitions(Struct, frozen=True):
    """What a birth defines; an alias that it gives to two metrics is none."""

    by_name: dict[str, Definition] = {}
    by_alias: dict[int, Definition] = {}


class Found(Struct, frozen=True):
    """What was read of a payload; ``timed``: every value has a time that the sender told."""

    values: list[Value]
    parts: list[Opened]
    timed: bool


UNDEFINED = Definitions()


def parse(payload: bytes) -> Payload | Rejected:
    """The payload as a message; rejected as ``bad-protobuf``, ``too-many-metrics`` or ``compressed-payload``."""
    parsed = Payload()
    try:
        parsed.ParseFromString(payload)
    except DecodeError as error:
        return Rejected("open", "bad-protobuf", detail(error))
    if len(parsed.metrics) > METRIC_LIMIT:
        return Rejected("open", "too-many-metrics", f"{len(parsed.metrics)}, at most {METRIC_LIMIT} are read")
    if parsed.uuid == COMPRESSED:
        return Rejected("open", "compressed-payload", "turn compression off at the edge node")
    return parsed


def definitions(payload: bytes) -> Definitions | Rejected:
    """What a birth's payload defines."""
    return _KNOWN.of(payload)


def read(parsed: Payload, known: Definitions, received_at: int, device: str) -> Found:
    """The payload's values; ``known``: what the births in force define, none of it for a birth."""
    sent_at = ns(parsed.timestamp)
    values, timed = list[Value](), True
    left: dict[Rejected | Ignored, list[str]] = defaultdict(list)
    for metric in parsed.metrics:
        told = ns(metric.timestamp) or sent_at
        found = _value(metric, known, told or received_at)
        if isinstance(found, Value):
            values.append(found)
            timed = timed and told is not None
        else:
            left[found].append(metric.name or f"alias {metric.alias}")
    return Found(values, list(_parts(left, device)), timed)


def ns(milliseconds: int) -> int | None:
    """ms since the epoch as ns; None where none is told, or a clock that was never set tells it."""
    time = milliseconds * MILLISECOND
    return time if time >= EARLIEST else None


def _value(metric: Metric, known: Definitions, time: int) -> Value | Rejected | Ignored:
    defined = known.by_name.get(metric.name) if metric.name else known.by_alias.get(metric.alias)
    name = metric.name or (defined.name if defined else "")
    if not name:
        return _UNKNOWN_ALIAS if metric.HasField("alias") else _NO_NAME
    if name.startswith(COMMANDS):
        return _COMMAND
    datatype = metric.datatype or (defined.datatype if defined else 0)
    field = metric.WhichOneof("value")
    unit = _unit(metric) or (defined.unit if defined else "")
    if metric.is_null or (field is None and datatype not in MANY):
        return Value(name, None, time, unit)
    content = _content(metric, field, datatype)
    return content if isinstance(content, (Rejected, Ignored)) else Value(name, content, time, unit)


def _content(metric: Metric, field: str | None, datatype: int) -> float | bool | str | Rejected | Ignored:
    if datatype in MANY:
        return _NO_SCALAR
    if field in _WIDTHS:
        return _integer(getattr(metric, field), _WIDTHS[field], datatype)
    if field not in _PLAIN:
        return _WRONG_TYPE if datatype else _NO_SCALAR
    content: float | bool | str = getattr(metric, field)
    kinds = {"string_value": TEXTS, "boolean_value": (BOOLEAN,)}.get(field, NUMBERS)
    return content if datatype in (0, *kinds) else _WRONG_TYPE


def _integer(raw: int, width: int, datatype: int) -> int | str | Rejected:
    """``raw`` stood in an unsigned field of ``width`` bits."""
    if datatype == DATE_TIME:
        return to_text(raw * MILLISECOND)
    if datatype in UNSIGNED:
        return raw if raw < 1 << UNSIGNED[datatype] else _OUT_OF_RANGE
    if datatype not in SIGNED:
        return _WRONG_TYPE if datatype else _NO_DATATYPE
    bits = SIGNED[datatype]
    if raw >= 1 << bits and raw - (1 << width) < -(1 << bits - 1):
        return _OUT_OF_RANGE
    lowest = raw & (1 << bits) - 1
    return lowest - (1 << bits) if lowest >> bits - 1 else lowest


def _unit(metric: Metric) -> str:
    if not metric.HasField("properties"):
        return ""
    told = zip(metric.properties.keys, metric.properties.values, strict=False)
    return next((value.string_value for key, value in told if key == "engUnit"), "")


def _parts(left: Mapping[Rejected | Ignored, list[str]], device: str) -> Iterable[Opened]:
    """One rejection per reason; what is ignored one by one, so that it is counted."""
    for why, names in left.items():
        if isinstance(why, Ignored):
            yield from [why] * len(names)
        else:
            yield Rejected(why.stage, why.reason, detail(f"{len(names)} metric(s), first {names[0]}"), device)


def _define(payload: bytes) -> Definitions | Rejected:
    parsed = parse(payload)
    if isinstance(parsed, Rejected):
        return parsed
    by_name: dict[str, Definition] = {}
    by_alias: dict[int, Definition] = {}
    twice: set[int] = set()
    for metric in parsed.metrics:
        if metric.name:
            defined = by_name[metric.name] = Definition(metric.name, metric.datatype, _unit(metric))
            if metric.HasField("alias") and by_alias.setdefault(metric.alias, defined).name != metric.name:
                twice.add(metric.alias)
    return Definitions(by_name, {alias: defined for alias, defined in by_alias.items() if alias not in twice})


class Known:
    """What the births define that were asked for last: the same are asked again and again.

    Bounded by what they take: a birth tells values and times, too, so that a node of thousands of metrics which comes back
    again and again has a payload of its own each time.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room, self.taken, self._lock = room, 0, Lock()
        self._found: OrderedDict[bytes, Definitions | Rejected] = OrderedDict()

    def of(self, payload: bytes) -> Definitions | Rejected:
        """What the payload defines; from any thread."""
        with self._lock:
            found = self._found.get(payload)
            if found is not None:
                self._found.move_to_end(payload)
                return found
        found = _define(payload)
        with self._lock:
            self._keep(payload, found)
        return found

    def _keep(self, payload: bytes, found: Definitions | Rejected) -> None:
        if payload not in self._found:
            self._found[payload] = found
            self.taken += _taken(payload, found)
        while self.taken > self._room:
            self.taken -= _taken(*self._found.popitem(last=False))


def _taken(payload: bytes, found: Definitions | Rejected) -> int:
    metrics = 1 if isinstance(found, Rejected) else 1 + len(found.by_name)
    return len(payload) + METRIC_ROOM * metrics


_KNOWN = Known()
