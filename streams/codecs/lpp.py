"""Cayenne Low Power Payload, with the names that a network server gives.

- ``lpp``: as The Things Stack (``temperature_3``, ``gps_1.latitude``), which reads a barometer signed.
- ``lpp-chirpstack``: as ChirpStack (``temperatureSensor.3``, ``gpsLocation.1.latitude``), which reads a barometer
  unsigned, and ignores a lone byte at the end.

Sources: Cayenne LPP 2.0; for types beyond it, their signs and scales, the library CayenneLPP of ElectronicCats. A frame
is records of channel, type and value, big-endian. As on the network servers an unknown type or a cut value fails the
whole frame; of one channel and type that come twice the last counts.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct as Layout
from typing import NamedTuple

from streams.core.codec import Call
from streams.core.message import Rejected, Value

BAROMETER, GPS, POLYLINE = 115, 136, 240
POLYLINE_HEAD = 8


class Part(NamedTuple):
    """One number of a record: its name (in ``TYPES`` only what the name ends in), the divisor and the unit."""

    name: str
    divisor: int
    unit: str


class Type(NamedTuple):
    """The value of a record: layout and parts."""

    name: str
    layout: Layout
    parts: tuple[Part, ...]


def _one(name: str, layout: str, divisor: int = 1, unit: str = "") -> Type:
    return Type(name, Layout(">" + layout), (Part("", divisor, unit),))


def _three(name: str, layout: str, suffixes: str, divisor: int = 1, unit: str = "") -> Type:
    return Type(name, Layout(">" + layout), tuple(Part(f".{suffix}", divisor, unit) for suffix in suffixes))


TYPES = {
    0: _one("digital_in", "B"),
    1: _one("digital_out", "B"),
    2: _one("analog_in", "h", 100),
    3: _one("analog_out", "h", 100),
    100: _one("generic", "I"),
    101: _one("luminosity", "H", unit="lx"),
    102: _one("presence", "B"),
    103: _one("temperature", "h", 10, "°C"),
    104: _one("relative_humidity", "B", 2, "%"),
    113: _three("accelerometer", "hhh", "xyz", 1000, "g"),
    BAROMETER: _one("barometric_pressure", "h", 10, "hPa"),
    116: _one("voltage", "H", 100, "V"),
    117: _one("current", "H", 1000, "A"),
    118: _one("frequency", "I", unit="Hz"),
    120: _one("percentage", "B", unit="%"),
    121: _one("altitude", "h", unit="m"),
    125: _one("concentration", "H", unit="ppm"),
    128: _one("power", "H", unit="W"),
    130: _one("distance", "I", 1000, "m"),
    131: _one("energy", "I", 1000, "kWh"),
    132: _one("direction", "H", unit="°"),
    133: _one("unix_time", "I", unit="s"),
    134: _three("gyrometer", "hhh", "xyz", 100, "°/s"),
    135: _three("color", "BBB", "rgb"),
    GPS: Type(
        "gps",
        Layout(">bHbHbH"),  # three numbers of three bytes, each as a signed high byte and a low word
        (Part(".latitude", 10_000, "°"), Part(".longitude", 10_000, "°"), Part(".altitude", 100, "m")),
    ),
    142: _one("switch", "B"),
    POLYLINE: _one("polyline", ""),  # of variable size: kept as hexadecimal text
}


CHIRPSTACK = {
    0: "digitalInput",
    1: "digitalOutput",
    2: "analogInput",
    3: "analogOutput",
    100: "genericSensor",
    101: "illuminanceSensor",
    102: "presenceSensor",
    103: "temperatureSensor",
    104: "humiditySensor",
    113: "accelerometer",
    115: "barometer",
    116: "voltage",
    117: "current",
    118: "frequency",
    120: "percentage",
    121: "altitude",
    125: "concentration",
    128: "power",
    130: "distance",
    131: "energy",
    132: "direction",
    133: "unix_time",
    134: "gyrometer",
    135: "color",
    GPS: "gpsLocation",
    142: "switch",
}
"""What ChirpStack calls each type that it knows."""
UNSIGNED_BAROMETER = Layout(">H")

Plan = tuple[int, Callable[[bytes, int], tuple[int, ...]], str, int, str, tuple[Part, ...]]
"""How a record is read: bytes of its value (0: a polyline, which tells), what unpacks it at a place, name, divisor and unit
of its first number, its other parts. Plain tuples are taken apart faster."""


class Lpp:
    """A codec of the family; every port is read alike. ``plan`` says how a channel's type is read, None: unknown."""

    def __init__(self, name: str, plan: Callable[[int, int], Plan | None], *, lone_byte: bool) -> None:
        self.name, self.label = name, f"{name}@1"
        self._plan, self._lone_byte = plan, lone_byte

    def run(self, calls: Sequence[Call]) -> Sequence[Sequence[Value] | Rejected]:
        """One answer per call; rejected as ``unknown-type`` or ``truncated``."""
        return [_read(call, self._plan, lone_byte=self._lone_byte) for call in calls]


def _read(call: Call, plan_of: Callable[[int, int], Plan | None], *, lone_byte: bool) -> Sequence[Value] | Rejected:
    payload, time, end, at = call.payload, call.time, len(call.payload), 0
    values: list[Value] = []
    while at + 2 <= end:
        code, start = payload[at + 1], at + 2
        plan = plan_of(payload[at], code)
        if plan is None:
            return Rejected("codec", "unknown-type", f"type {code} at byte {at + 1}", call.sender.device)
        size, unpack, name, divisor, unit, more = plan
        at = start + (size or _polyline_size(payload, start))
        if at > end:
            return Rejected("codec", "truncated", f"{end - start} byte(s) of type {code}", call.sender.device)
        if not size:
            values.append(Value(name, payload[start:at].hex(), time))
            continue
        numbers = unpack(payload, start)
        values.append(Value(name, numbers[0] / divisor, time, unit))
        for (name, divisor, unit), number in zip(more, numbers[1:], strict=True) if more else ():
            values.append(Value(name, number / divisor, time, unit))
    if at != end and not lone_byte:
        return Rejected("codec", "truncated", "a lone byte at the end", call.sender.device)
    return values


def _polyline_size(payload: bytes, at: int) -> int:
    # Its first byte counts the whole value: size, factor, a first coordinate of two times three bytes, steps.
    size = payload[at] if at < len(payload) else 0
    return size if size >= POLYLINE_HEAD else len(payload)


def _plan(code: int, name: str, known: Type) -> Plan:
    first, *more = (Part(name + part.name, part.divisor, part.unit) for part in known.parts)
    unpack = _position if code == GPS else known.layout.unpack_from
    return known.layout.size, unpack, first.name, first.divisor, first.unit, tuple(more)


def _position(payload: bytes, at: int) -> tuple[int, ...]:
    numbers = TYPES[GPS].layout.unpack_from(payload, at)
    return tuple(high << 16 | low for high, low in zip(numbers[::2], numbers[1::2], strict=True))


@lru_cache(maxsize=2**16)
def _things_stack(channel: int, code: int) -> Plan | None:
    known = TYPES.get(code)
    return None if known is None else _plan(code, f"{known.name}_{channel}", known)


@lru_cache(maxsize=2**16)
def _chirpstack(channel: int, code: int) -> Plan | None:
    name, known = CHIRPSTACK.get(code), TYPES.get(code)
    if name is None or known is None:
        return None
    if code == BAROMETER:
        known = known._replace(layout=UNSIGNED_BAROMETER)
    return _plan(code, f"{name}.{channel}", known)


CODECS = (Lpp("lpp", _things_stack, lone_byte=False), Lpp("lpp-chirpstack", _chirpstack, lone_byte=True))
