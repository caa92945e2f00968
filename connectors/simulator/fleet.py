"""A seeded fleet, pure: the same seed, start and options give the same messages, byte for byte.

Devices of four sources measure along diurnal curves with noise; some messages are doubled, late, or malformed, by stated
shares. Payload shapes are those that the sources' decoders document.
"""

import base64
import json
import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from streams.core.times import HOUR, SECOND

DAY_S = 86_400
SOURCES = ("ttn", "ydoc", "wombat", "json")
MALFORMED = ("bad-json", "empty", "wrong-shape", "not-finite", "year-1970", "year-2106")
YDOC_ZONE = timedelta(hours=10)


class Options(Struct, frozen=True, kw_only=True):
    """What the fleet is like; shares are fractions of all messages."""

    seed: int = 1
    devices: int = 20
    sources: tuple[str, ...] = SOURCES
    start: int
    """ns since the epoch: time of the first message"""
    interval: int
    """ns of device time between two messages of the fleet"""
    duplicates: float = 0.02
    late: float = 0.03
    malformed: float = 0.02
    gaps: float = 0.05
    """share of the hours in which a device is silent"""


class Device(Struct, frozen=True):
    """One box of the fleet; ``identity`` is what its source calls it."""

    source: str
    number: int
    identity: str

    @property
    def key(self) -> str:
        """The device key that the pipeline gives it."""
        return f"{self.source}:{self.identity}"

    @property
    def source_ids(self) -> dict[str, str]:
        """What the registry needs to create it before its first message."""
        names = {"ttn": "dev_eui", "ydoc": "id", "wombat": "serial_no", "json": "id"}
        return {names[self.source]: self.identity}


class Message(Struct, frozen=True):
    """One message to send: through which door, and which kind it is (normal, duplicate, late, or a malformation)."""

    at: int
    kind: str
    device: str
    source: str
    transport: str
    address: str
    payload: bytes


def devices(options: Options) -> list[Device]:
    """The fleet's boxes, sources taking turns."""
    return [_device(options.sources[n % len(options.sources)], n, options.seed) for n in range(options.devices)]


def messages(options: Options) -> Iterator[Message]:
    """The fleet's messages in sending order, without end."""
    rng = random.Random(options.seed)  # noqa: S311 - a simulation must be repeatable, not secret
    fleet = devices(options)
    for turn in _turns():
        at = options.start + turn * options.interval
        box = fleet[turn % len(fleet)]
        if _silent(box, at, options):
            box = fleet[0]
        message = _message(box, at, turn, rng, options)
        yield message
        if rng.random() < options.duplicates:
            yield Message(
                at, "duplicate", message.device, message.source, message.transport, message.address, message.payload
            )


def _turns() -> Iterator[int]:
    turn = 0
    while True:
        yield turn
        turn += 1


def _device(source: str, number: int, seed: int) -> Device:
    identities = {
        "ttn": f"70b3d57e{seed % 65536:04x}{number:04x}",
        "ydoc": f"{seed % 10000 + 108_0000:07d}{number:04d}-s1",
        "wombat": f"B8D61A{seed % 65536:04X}{number:04X}",
        "json": f"probe-{seed}-{number}",
    }
    return Device(source, number, identities[source])


def _silent(box: Device, at: int, options: Options) -> bool:
    hour = at // HOUR
    return random.Random(f"{options.seed}/{box.number}/{hour}").random() < options.gaps  # noqa: S311 - repeatable


def _message(box: Device, at: int, turn: int, rng: random.Random, options: Options) -> Message:
    draw = rng.random()
    if draw < options.malformed:
        kind = MALFORMED[turn % len(MALFORMED)]
        return _wrap(box, at, kind, _malformed(box, kind, at, turn, rng))
    if draw < options.malformed + options.late:
        measured = at - rng.randint(3600, 6 * 3600) * SECOND
        return _wrap(box, at, "late", _payload(box, measured, turn, rng))
    return _wrap(box, at, "normal", _payload(box, at, turn, rng))


def _wrap(box: Device, at: int, kind: str, payload: bytes) -> Message:
    logger = box.identity.partition("-")[0]
    doors = {
        "ttn": ("http", "/ttn/webhook/up"),
        "ydoc": ("mqtt", f"YDOC/{logger}"),
        "wombat": ("mqtt", "wombat"),
        "json": ("mqtt", f"json/{box.identity}"),
    }
    transport, address = doors[box.source]
    return Message(at, kind, box.key, box.source, transport, address, payload)


def _payload(box: Device, measured: int, turn: int, rng: random.Random) -> bytes:
    return json.dumps(BODIES[box.source](box, measured, turn, rng)).encode()


def _malformed(box: Device, kind: str, at: int, turn: int, rng: random.Random) -> bytes:
    if kind == "empty":
        return b""
    if kind == "bad-json":
        return b'{"broken": %d, ' % turn
    if kind == "wrong-shape":
        return json.dumps([turn, "neither object nor device"]).encode()
    if kind == "not-finite":
        return _payload(box, at, turn, rng)[:-1] + b', "note": NaN}'
    year = "1970-01-02T03:04:05Z" if kind == "year-1970" else "2106-02-07T06:28:15Z"
    return _payload(box, _nanoseconds(year) + turn, turn, rng)


def _curve(box: Device, at: int, low: float, high: float, rng: random.Random) -> float:
    """A daily curve with its top at 14:00 UTC, an offset per device and a little noise."""
    phase = 2 * math.pi * ((at / SECOND % DAY_S) - 14 * 3600) / DAY_S
    middle, half = (low + high) / 2, (high - low) / 2
    return round(middle + half * 0.8 * math.cos(phase) + box.number % 7 * 0.3 + rng.gauss(0, half * 0.03), 2)


def _ttn(box: Device, at: int, turn: int, rng: random.Random) -> dict[str, Any]:
    temperature, humidity = _curve(box, at, 8, 30, rng), _curve(box, at, 80, 35, rng)
    uplink: dict[str, Any] = {
        "f_port": 2,
        "f_cnt": turn,
        "received_at": _text(at),
        "rx_metadata": [{"rssi": -97, "snr": 7.5}],
    }
    if box.number % 2:
        uplink["decoded_payload"] = {
            "temperature": temperature,
            "humidity": humidity,
            "battery": 3.6,
            "moving": turn % 9 == 0,
        }
    else:
        uplink["frm_payload"] = base64.b64encode(_lpp(temperature, humidity)).decode()
    ids = {
        "device_id": f"node-{box.number}",
        "application_ids": {"application_id": "simulated"},
        "dev_eui": box.identity.upper(),
    }
    return {"end_device_ids": ids, "received_at": _text(at), "uplink_message": uplink}


def _lpp(temperature: float, humidity: float) -> bytes:
    humid = max(0, min(255, round(humidity * 2)))
    return b"\x01\x67" + round(temperature * 10).to_bytes(2, "big", signed=True) + bytes((2, 104, humid))


def _ydoc(box: Device, at: int, turn: int, rng: random.Random) -> dict[str, Any]:
    serial = int(box.identity.partition("-")[0])
    channels = [
        {"code": "S1M1", "name": "s1moisture1", "unit": "%"},
        {"code": "S1T1", "name": "s1temperature1", "unit": "C"},
        {"code": "SB", "name": "Signal", "unit": "bars"},
        {},
    ]
    local = datetime.fromtimestamp(at // SECOND, UTC) + YDOC_ZONE
    moisture: float | str = "0*T" if turn % 40 == 0 else _curve(box, at, 32, 18, rng)
    row = {
        "$ts": int(local.strftime("%y%m%d%H%M%S")),
        "S1M1": moisture,
        "S1T1": _curve(box, at, 9, 24, rng),
        "SB": turn % 5,
    }
    return {
        "device": {"sn": serial, "name": f"Pond {box.number}", "v": "4.4B6"},
        "channels": channels,
        "data": [row, {}],
    }


def _wombat(box: Device, at: int, turn: int, rng: random.Random) -> dict[str, Any]:
    series = [
        {"name": "battery (v)", "value": round(4.2 - turn % 50 * 0.01, 2)},
        {"name": "1_Temperature", "value": _curve(box, at, 10, 28, rng)},
        {"name": "1_VWC", "value": _curve(box, at, 0.4, 0.2, rng)},
        {"name": "pulse_count", "value": turn % 17},
    ]
    ids = {"serial_no": box.identity, "firmware": "1.0.8", "sdi-12": ["113METER   TER11 302T11-00020001"]}
    return {"timestamp": _text(at), "source_ids": ids, "timeseries": series}


def _json(box: Device, at: int, turn: int, rng: random.Random) -> dict[str, Any]:
    values = {"level_m": _curve(box, at, 1.1, 2.4, rng), "pump": turn % 3 == 0, "flow_l_min": turn % 11, "state": "ok"}
    return {"device": box.identity, "time": _text(at), "values": values}


def _text(at: int) -> str:
    """RFC 3339, to the nanosecond."""
    whole = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % SECOND:09d}Z"


def _nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


BODIES: dict[str, Callable[[Device, int, int, random.Random], dict[str, Any]]] = {
    "ttn": _ttn,
    "ydoc": _ydoc,
    "wombat": _wombat,
    "json": _json,
}
