"""A world to replay: raw records of several formats by seed, with all that goes wrong in the field, and its mappings.

Late, repeated, out of order, malformed, unmapped, paused; texts among numbers; several records that tell one time
differently. Times lie in the past, so every record means the same whenever a test runs.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from time import time_ns
from typing import Any

from msgspec import Struct

from streams import avro, kafka
from streams.core.records import DeviceMapping, Interval, Pause, RawRecord, Rule
from streams.core.times import DAY, HOUR, SECOND
from streams.settings import KafkaSettings

START = 1_708_387_200 * SECOND
"""2024-02-20"""
DAYS, HOURS, SLOTS, SLOT = 50, 24, 12, 20 * SECOND
JSON_DEVICES, LOGGERS, NODES = 6, 2, 3
PLACES = (101, 102, 103, 104)


class Standing(Struct, frozen=True):
    """A raw record and where it stands; ``raw`` None: bytes that are no record."""

    partition: int
    offset: int
    raw: RawRecord | None


class World:
    """Grows as it is written. ``apart``: every device stays in one partition, so that later offsets win everywhere."""

    def __init__(self, seed: int, *, start: int = START, days: int = DAYS, apart: bool = False) -> None:
        self.random, self.start, self._apart = Random(seed), start, apart
        self.records: list[Standing] = []
        self._hours = [start + self.random.randrange(days * 24) * HOUR for _ in range(HOURS)]
        self._ends: Counter[int] = Counter()
        self._count = 0
        self._producer: kafka.BatchProducer | None = None

    def write(self, settings: KafkaSettings, count: int) -> list[Standing]:
        """Append ``count`` more records to `raw`, durably; returns them."""
        return self.append(settings, [self._next(settings.partitions) for _ in range(count)])

    def append(self, settings: KafkaSettings, items: Iterable[tuple[int, RawRecord | bytes]]) -> list[Standing]:
        """Append these (partition, record), durably; returns them."""
        producer = self._producer = self._producer or kafka.BatchProducer(settings)
        written = []
        for partition, item in items:
            producer.send("raw", "key", item if isinstance(item, bytes) else avro.encode(item), partition)
            raw = None if isinstance(item, bytes) else item
            written.append(Standing(partition, self._ends[partition], raw))
            self._ends[partition] += 1
        producer.flush()
        self.records += written
        return written

    def record(self, source: str, payload: bytes, time: int, *, late: int = 0) -> RawRecord:
        """A record received soon after ``time``."""
        self._count += 1
        received = min(time + late + self.random.randrange(1, 120) * SECOND, time_ns())
        return RawRecord(
            id=f"id-{self._count}", source=source, transport="mqtt", address=f"{source}/x",
            received_at=received, payload=payload,
        )  # fmt: skip

    def _next(self, partitions: int) -> tuple[int, RawRecord | bytes]:
        kind, known = self.random.random(), self.records[-200:]
        if kind < 0.05 and known:
            again = self.random.choice(known)
            if again.raw is not None:
                return again.partition, again.raw
        if kind < 0.13:
            return self.random.randrange(partitions), self._malformed()
        number, record = self._sound(kind)
        return number % partitions if self._apart else self._somewhere(number, partitions), record

    def _somewhere(self, number: int, partitions: int) -> int:
        """Most devices stay where they are; some records of device 0 come elsewhere, as after a change of key."""
        roams = number == 0 and self.random.random() < 0.5
        return self.random.randrange(partitions) if roams else number % partitions

    def _sound(self, kind: float) -> tuple[int, RawRecord]:
        late = self.random.choice((0, 0, 0, HOUR, 3 * DAY))
        time = self._time()
        if kind < 0.7:
            number = self.random.randrange(JSON_DEVICES)
            return number, self.record("json", self.json(number, time), time, late=late)
        if kind < 0.85:
            number = self.random.randrange(LOGGERS)
            return number, self.record("ydoc", self._ydoc(number, time), time + 11 * HOUR, late=late)
        number = self.random.randrange(NODES)
        return number, self.record("ttn", self._ttn(number, time), time, late=late)

    def _time(self) -> int:
        """Few hours and few slots in them, so that windows fill and times meet."""
        return self.random.choice(self._hours) + self.random.randrange(SLOTS) * SLOT

    def json(self, number: int, time: int) -> bytes:
        """Once as sensors told it (``values``), and once as they should have been read (``better``)."""
        t, h = self.random.randrange(-100, 400) / 10, self.random.randrange(100)
        values: dict[str, Any] = {"t": t, "h": h, "state": self.random.choice(("dry", "wet", 1))}
        better = {"t": t * 2 if number % 2 else t, "humidity": h, "extra": self.random.randrange(9), "state": "fixed"}
        body: dict[str, Any] = {"device": f"d{number}", "time": iso(time), "values": values}
        if self.random.random() < 0.05:
            del body["time"]
        if self.random.random() < 0.9:
            body["better"] = better
        return json.dumps(body).encode()

    def _ydoc(self, number: int, time: int) -> bytes:
        channels = [
            {"code": "s1m1", "name": "s1air", "unit": "C"},
            {"code": "s2m1", "name": "s2soil", "unit": "%"},
            {"code": "bat", "name": "battery volts", "unit": "V"},
        ]
        data = [self._set(time + step * SLOT) for step in range(self.random.randrange(1, 4))]
        return json.dumps({"device": {"sn": 900 + number, "name": "L"}, "channels": channels, "data": data}).encode()

    def _set(self, time: int) -> dict[str, Any]:
        air = self.random.choice((21.5, "3.25", "0*T", self.random.randrange(30)))
        told = datetime.fromtimestamp(time // SECOND, UTC).strftime("%y%m%d%H%M%S")
        return {"$ts": int(told), "s1m1": air, "s2m1": self.random.randrange(60), "bat": 3.6}

    def _ttn(self, number: int, time: int) -> bytes:
        temperature, humidity = self.random.randrange(-100, 400), self.random.randrange(200)
        payload = bytes([1, 103]) + temperature.to_bytes(2, "big", signed=True) + bytes([2, 104, humidity])
        if number == 1:
            payload += bytes([3, 2, 0, self.random.randrange(256)])
        application = "orchard" if number == 2 else "farm-lpp"
        ids = {"dev_eui": f"00000000000000{number:02}", "application_ids": {"application_id": application}}
        uplink = {"f_port": 2, "frm_payload": base64.b64encode(payload).decode(), "received_at": iso(time)}
        return json.dumps({"end_device_ids": ids, "uplink_message": uplink}).encode()

    def _malformed(self) -> RawRecord | bytes:
        time = self._time()
        choices: list[tuple[str, bytes]] = [
            ("json", b"{rubbish"),
            ("json", b""),
            ("json", b'{"device":"d1","values":7}'),
            ("json", b'{"device":"d1","time":"yesterday","values":{"t":1}}'),
            ("json", json.dumps({"device": "d2", "time": iso(time + 9 * HOUR), "values": {"t": 1}}).encode()),
            ("json", json.dumps({"device": "d2", "time": iso(time), "values": {"t": None}}).encode()),
            ("nobody", b"{}"),
            ("ttn", b'{"end_device_ids":{"dev_eui":"0000000000000000"},"join_accept":{}}'),
        ]
        if self.random.random() < 0.1:
            return b"no avro at all"
        return self.record(*self.random.choice(choices), time)


def mappings(start: int = START) -> dict[str, DeviceMapping]:
    """What is known at first: a device that moves, one that comes late, a pause, an end, a start to come, none."""
    moves = [Interval(101, start, start + 20 * DAY), Interval(102, start + 25 * DAY)]
    pauses = [Pause(start + 5 * DAY, start + 10 * DAY), Pause(start + 40 * DAY)]
    return {
        device: DeviceMapping(device=device, physical_uid=number, intervals=intervals)
        for number, (device, intervals) in enumerate(
            {
                "json:d0": moves,
                "json:d1": [Interval(103, start + 30 * DAY)],
                "json:d2": [Interval(104, start, pauses=pauses)],
                "json:d3": [Interval(105, start, start + 15 * DAY), Interval(106, 4_102_444_800 * SECOND)],
                "ydoc:900-s1": [Interval(107, start + 2 * DAY)],
                "ttn:0000000000000000": [Interval(108, start)],
            }.items(),
            1,
        )
    }


def remapped(start: int = START) -> dict[str, DeviceMapping]:
    """What turns out later: the past of some was otherwise, others were mapped all along, one never was."""
    later = {
        "json:d0": [Interval(101, start, start + 12 * DAY), Interval(102, start + 12 * DAY)],
        "json:d1": [Interval(103, start)],
        "json:d2": [],
        "json:d4": [Interval(109, start + 10 * DAY, start + 35 * DAY)],
        "ydoc:ydoc-901": [Interval(110, start)],
        "ttn:0000000000000001": [Interval(111, start + 25 * DAY)],
    }
    made = {
        device: DeviceMapping(device=device, physical_uid=50 + n, intervals=i)
        for n, (device, i) in enumerate(later.items())
    }
    return mappings(start) | made


def rules() -> list[Rule]:
    """Normalisation rules that scale, rename and drop."""
    return [
        Rule(id="1", source="ttn", measurement="temperature_1", target="soil_temperature", unit="K", offset=273.0),
        Rule(id="2", source="ttn", measurement="relative_humidity_2", drop=True),
        Rule(id="3", source="ydoc", measurement="soil", scale=10.0),
        Rule(id="4", device="json:d5", measurement="t", target="h"),
    ]


def iso(time: int) -> str:
    return datetime.fromtimestamp(time // SECOND, UTC).isoformat()
