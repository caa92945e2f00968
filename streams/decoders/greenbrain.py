"""Green Brain: the latest values of one sensor group, as its API tells them.

Source: IoTa's ``GreenBrain``. Times carry no zone and are UTC. A measurement is called as its sensor; where sensors of
two types share a name (soil moisture and temperature at ``10cm``) the type stands before it (IoTa mixed them). The answer does not say where its station stands; the
poller, which knows it from the account's list of stations, puts that into the record's headers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.message import Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import LATITUDE_LIMIT, LONGITUDE_LIMIT, coordinate, named, sender
from streams.core.times import from_text

LATITUDE, LONGITUDE = "station-latitude", "station-longitude"
"""Headers of the record: degrees."""


class Named(Struct, frozen=True):
    """A system, a station or a sensor group."""

    id: int | str
    name: str = ""


class Keyed(Struct, frozen=True, rename={"group": "sensorGroup"}):
    """The part of the answer that says whose it is."""

    group: Named


class Sensor(Struct, frozen=True):
    """One value."""

    name: Any = None
    unit: Any = None
    value: Any = None
    time: Any = None


class SensorType(Struct, frozen=True):
    """The sensors of one kind."""

    sensors: list[Sensor] = []


class Answer(Keyed, frozen=True, rename={"group": "sensorGroup", "types": "sensorTypes"}):
    """The answer."""

    system: Named | None = None
    station: Named | None = None
    types: dict[str, SensorType] = {}


_KEYED, _ANSWER = JsonDecoder(Keyed), JsonDecoder(Answer)


class GreenBrain:
    """Decoder of source ``greenbrain``."""

    name = "greenbrain"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        found = read(record.payload, _KEYED)
        who = found if isinstance(found, Rejected) else sender("greenbrain", str(found.group.id), {})
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("greenbrain", source_ids.get("sensor_group_id"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message at the group's newest time, and a rejection for the values without a time."""
        answer = read(record.payload, _ANSWER)
        if isinstance(answer, Rejected):
            return [answer]
        who = _sender(answer, record.headers)
        if isinstance(who, Rejected):
            return [who]
        timed = [(name, sensor, _time(sensor.time)) for name, sensor in _sensors(answer)]
        values = [Value(name, s.value, at, _unit(s)) for name, s, at in timed if at is not None]
        parts: list[Opened] = []
        if values:
            parts.append(Message(sender=who, time=max(value.time for value in values), values=values))
        untimed = [(name, sensor) for name, sensor, at in timed if at is None]
        if untimed:
            what = f"{len(untimed)} value(s), first {untimed[0][0]}: {untimed[0][1].time}"
            parts.append(Rejected("open", "bad-time", detail(what), who.device))
        return parts or [Ignored("never-measured", who)]


def _sensors(answer: Answer) -> Iterator[tuple[str, Sensor]]:
    """Every sensor that has measured yet, and what its measurement is called."""
    types = Counter(name for kind in answer.types.values() for name in {_name(sensor) for sensor in kind.sensors})
    for title, kind in answer.types.items():
        for sensor in kind.sensors:
            if sensor.value is not None or sensor.time is not None:
                name = _name(sensor)
                yield (f"{title}.{name}" if types[name] > 1 else name), sensor


def _name(sensor: Sensor) -> str:
    return sensor.name if isinstance(sensor.name, str) else ""


def _time(told: Any) -> int | None:
    return from_text(told) if isinstance(told, str) else None


def _unit(sensor: Sensor) -> str:
    return sensor.unit if isinstance(sensor.unit, str) else ""


def _sender(answer: Answer, headers: Mapping[str, str]) -> Sender | Rejected:
    ids = {
        "sensor_group_id": answer.group.id,
        "system_id": answer.system.id if answer.system else None,
        "station_id": answer.station.id if answer.station else None,
        "station_name": answer.station.name if answer.station else None,
    }
    latitude = coordinate(_degrees(headers.get(LATITUDE)), LATITUDE_LIMIT)
    longitude = coordinate(_degrees(headers.get(LONGITUDE)), LONGITUDE_LIMIT)
    known = latitude is not None and longitude is not None
    place = {"latitude": latitude, "longitude": longitude} if known else {}
    return sender("greenbrain", str(answer.group.id), ids, name=answer.group.name or str(answer.group.id), **place)


def _degrees(told: str | None) -> float | None:
    try:
        return None if told is None else float(told)
    except ValueError:
        return None


DECODER = GreenBrain()
