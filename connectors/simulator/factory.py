"""Forty polled sensors of a factory, pure: the same seed gives the same messages, byte for byte. Source `factory`.

Each announces itself every minute and answers polls at an interval of its own, 600 to 680 s; the first poll comes at once.
Values are drawn from a normal distribution, clamped to the sensor's range and cut to two decimals. A sensor whose alias
says FAULTY leaves 25 of 256 polls unanswered: whoever polls notes `"N/A"` in place of a value.
"""

import heapq
import json
import random
import uuid
from collections.abc import Iterator

from msgspec import Struct

from connectors.simulator.fleet import Message
from streams.core.times import SECOND

HEARTBEAT_S = 60
SENSORS = 40
UNANSWERED = 25 / 256
NO_ANSWER = "N/A"
KINDS = (
    ("Pressure", 1.0, 10.0, 5.5, 1.0),
    ("Temperature", 15.0, 95.0, 60.0, 8.0),
    ("Humidity", 20.0, 90.0, 55.0, 10.0),
    ("Vibration", 0.0, 12.0, 3.0, 1.5),
    ("Flow", 0.0, 250.0, 120.0, 30.0),
    ("Level", 0.0, 100.0, 65.0, 12.0),
    ("Current", 0.0, 63.0, 21.0, 6.0),
    ("Noise", 30.0, 110.0, 72.0, 9.0),
)
"""What is measured: lowest and highest value, mean and standard deviation."""
PLACES = ("Boiler Room", "Filling Line", "Cold Store", "Paint Shop", "Loading Dock")


class Sensor(Struct, frozen=True):
    """One of the forty; ``interval`` in s."""

    identity: str
    alias: str
    location: str
    kind: int
    interval: int
    number: int

    @property
    def faulty(self) -> bool:
        """Whether it leaves polls unanswered."""
        return "FAULTY" in self.alias


def sensors(seed: int) -> list[Sensor]:
    """The forty."""
    rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable, not secret
    return [_sensor(number, rng) for number in range(SENSORS)]


def messages(seed: int, start: int) -> Iterator[Message]:
    """Their messages in order of time, without end; ``start`` in ns."""
    rng = random.Random(f"{seed}/messages")  # noqa: S311 - repeatable
    known = sensors(seed)
    due = [(0, turn, sensor.number) for turn in ("heartbeat", "read") for sensor in known]
    heapq.heapify(due)
    while True:
        second, what, number = heapq.heappop(due)
        sensor, at = known[number], start + second * SECOND
        if what == "heartbeat":
            heapq.heappush(due, (second + HEARTBEAT_S, what, number))
            yield _message(sensor, at, "sim/heartbeat", _heartbeat(sensor))
        else:
            heapq.heappush(due, (second + sensor.interval, what, number))
            silent = sensor.faulty and rng.random() < UNANSWERED
            said = NO_ANSWER if silent else _value(sensor, rng)
            yield _message(sensor, at, f"sim/read/{sensor.identity}", json.dumps(said).encode())


def _sensor(number: int, rng: random.Random) -> Sensor:
    kind, place = number % len(KINDS), number // len(KINDS)
    alias = f"{KINDS[kind][0]}Sensor{rng.randint(100, 999)}"
    return Sensor(
        identity=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        alias=f"{alias}-FAULTY" if number == SENSORS - 1 else alias,
        location=f"SIMULATION-{PLACES[place]}",
        kind=kind,
        interval=rng.randrange(600, 681, 10),
        number=number,
    )


def _message(sensor: Sensor, at: int, address: str, payload: bytes) -> Message:
    return Message(at, "normal", f"factory:{sensor.identity}", "factory", "mqtt", address, payload)


def _heartbeat(sensor: Sensor) -> bytes:
    body = {
        "alias": sensor.alias,
        "id": sensor.identity,
        "poll_interval": sensor.interval * 1_000,
        "poll_topic": f"sim.poll.{sensor.identity}",
        "read_topic": f"sim.read.{sensor.identity}",
        "disconnect_topic": f"sim.disconnect/{sensor.identity}",
        "ip_addr": f"10.0.0.{sensor.number + 1}",
        "mac_addr": [2, 0, 0, 0, 0, sensor.number],
        "location": sensor.location,
    }
    return json.dumps(body).encode()


def _value(sensor: Sensor, rng: random.Random) -> str:
    """Two decimals, cut and not rounded, in a text."""
    _, low, high, mean, spread = KINDS[sensor.kind]
    drawn = min(high, max(low, rng.gauss(mean, spread)))
    return f"{int(drawn * 100) / 100:.2f}"
