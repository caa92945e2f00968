"""Dragino NB-IoT nodes that speak JSON: S31x-CB (temperature, humidity) and CPL03-CB (pulse counter).

Sources: IoTa's ``Dragino_JSON``; Dragino, "S31x-CB" and "CPL03-CB" user manuals. An uplink tells of the node itself at
``time``, and repeats up to 32 buffered sets, ``"1"`` the newest, each with the time of its own as its last element.
A clock that was never set says 1970: such a set is left out; where ``time`` itself says so, all of the uplink is.

Buffered sets come again in every later uplink, so what a set becomes must not depend on the uplink that it came in:
a counter's value is what was counted since the set before it, and a set whose predecessor is not there to be seen (the
oldest of an uplink, or one next to a set that is broken) has none. So each uplink tells the same value of a set, or
nothing of it. Only two sets of one time (a clock that was set back) depend on which uplink came last.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.message import Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import DAY, from_text

MOST_SETS = 32
CLOCK_SET = 365 * DAY
"""1971-01-01: before it the node has not learned the time yet."""


class Channel(Struct, frozen=True):
    """One element of a set; ``total`` names the key of the counter's present reading, where it is a counter."""

    place: int
    name: str
    unit: str = ""
    total: str = ""


class Keyed(Struct, frozen=True):
    """The part of the body that says whose it is."""

    IMEI: str | int


class _Told(Struct, frozen=True):
    """A buffered set: its number, its time, and its elements."""

    number: int
    time: int
    elements: list[Any]


CHANNELS = {
    "S31x-CB": (Channel(0, "temperature", "°C"), Channel(1, "humidity", "%")),
    "CPL03-CB": (Channel(2, "pulse1", total="count time1"),),
}
"""By model."""
OF_THE_NODE = {"Model": "", "IMEI": "", "IMSI": "", "battery": "V", "signal": ""}
"""What is told at ``time``, with its unit."""
_KEYED, _BODY = JsonDecoder(Keyed), JsonDecoder(dict[str, Any])
_CLOCK_NOT_SET = Ignored("clock-not-set")


class DraginoJson:
    """Decoder of source ``dragino_json``."""

    name = "dragino_json"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        found = read(record.payload, _KEYED)
        who = found if isinstance(found, Rejected) else _sender(found.IMEI, "")
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("dragino_json", source_ids.get("IMEI"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message of the node and all its sets, oldest first, and a rejection for the sets that are none."""
        body = read(record.payload, _BODY)
        if isinstance(body, Rejected):
            return [body]
        model = body.get("Model")
        who = _sender(body.get("IMEI"), str(model))
        if isinstance(who, Rejected):
            return [who]
        channels = CHANNELS.get(model) if isinstance(model, str) else None
        if channels is None:
            return [Rejected("open", "unknown-model", detail(model), who.device)]
        time = _time(body.get("time"))
        if time is None:
            return [Rejected("open", "bad-time", detail(body.get("time")), who.device)]
        if time < CLOCK_SET:
            return [Ignored("clock-not-set", who)]
        return _opened(body, who, time, channels)


def _opened(body: dict[str, Any], who: Sender, time: int, channels: tuple[Channel, ...]) -> list[Opened]:
    sets, broken = _sets(body, channels)
    values = [Value(name, body[name], time, unit) for name, unit in OF_THE_NODE.items() if name in body]
    values += [value for channel in channels for value in _since_newest(channel, body, sets, time)]
    values += [value for channel in channels for value in _buffered(channel, sets)]
    parts: list[Opened] = [Message(sender=who, time=time, values=values)]
    parts += [_CLOCK_NOT_SET for told in sets if told.time < CLOCK_SET]
    if broken:
        what = f"set(s) {', '.join(map(str, broken))}, first {body[str(broken[0])]}"
        parts.append(Rejected("open", "bad-set", detail(what), who.device))
    return parts


def _sets(body: dict[str, Any], channels: tuple[Channel, ...]) -> tuple[list[_Told], list[int]]:
    """The sets that are there, oldest first, and the numbers of those that are none."""
    sets, broken = [], []
    for number in range(MOST_SETS, 0, -1):
        elements = body.get(str(number))
        time = _time(elements[-1]) if isinstance(elements, list) and elements else None
        if time is not None and all(_holds(channel, elements) for channel in channels):
            sets.append(_Told(number, time, elements or []))
        elif str(number) in body:
            broken.append(number)
    return sets, broken


def _holds(channel: Channel, elements: Any) -> bool:
    """Whether the set has the channel's element, before the time; a counter's must be a count."""
    return channel.place < len(elements) - 1 and (not channel.total or _is_count(elements[channel.place]))


def _buffered(channel: Channel, sets: list[_Told]) -> Iterator[Value]:
    """The sets' values. A set whose time is not known still stands between its neighbours: it breaks no chain."""
    there = {told.number for told in sets}
    before: _Told | None = None
    for told in sets:
        value = told.elements[channel.place]
        if told.time < CLOCK_SET:
            continue
        if not channel.total:
            yield Value(channel.name, value, told.time, channel.unit)
        elif before is not None and there.issuperset(range(told.number, before.number)):
            yield Value(channel.name, _counted(value, before.elements[channel.place]), told.time, channel.unit)
        before = told


def _since_newest(channel: Channel, body: dict[str, Any], sets: list[_Told], time: int) -> Iterator[Value]:
    """What was counted between the newest set and the uplink."""
    total = body.get(channel.total)
    if sets and sets[-1].number == 1 and _is_count(total):
        yield Value(channel.name, _counted(total, sets[-1].elements[channel.place]), time, channel.unit)


def _counted(value: Any, before: Any) -> Any:
    """A counter that went down began again at zero."""
    return value - before if value >= before else value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _time(told: Any) -> int | None:
    return from_text(told) if isinstance(told, str) else None


def _sender(imei: Any, model: str) -> Sender | Rejected:
    if isinstance(imei, bool) or not isinstance(imei, (str, int)) or not str(imei):
        return Rejected("open", "no-device", "IMEI is missing")
    known = f"dragino/{model}" if model in CHANNELS else ""
    return sender("dragino_json", str(imei), {"IMEI": str(imei)}, name=f"dragino_{imei}", model=known)


DECODER = DraginoJson()
