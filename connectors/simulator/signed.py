"""Sensors that sign what they say, pure: the same seed gives the same messages, byte for byte. Source `signed`.

Each has a topic of its own, `sensors/sim/<number>`, and walks at random between the bounds that `topic` registers.
"""

import random
from collections.abc import Iterator
from typing import Any

from connectors.simulator.fleet import Message
from streams.core import signature
from streams.core.times import SECOND

DATASET, RETENTION_S = "simulation", 30 * 86_400
FIELDS: dict[str, dict[str, Any]] = {
    "temperature": {"type": "float", "unit": "°C", "min": -10, "max": 45},
    "humidity": {"type": "float", "unit": "%", "min": 0, "max": 100},
}


def address(number: int) -> str:
    """The topic of a sensor."""
    return f"sensors/sim/{number}"


def topic(number: int, key: str) -> dict[str, Any]:
    """What to register so that its messages are believed, as the API takes it."""
    return {
        "topic": address(number),
        "dataset": DATASET,
        "tags": {"sensor": str(number)},
        "fields": FIELDS,
        "keys": [{"key": key}],
        "raw_retention_s": RETENTION_S,
    }


def messages(seed: int, sensors: int, start: int, interval: int, key: str) -> Iterator[Message]:
    """Their messages in turn, without end; ``start`` and ``interval`` from one to the next in ns."""
    rng = random.Random(f"{seed}/signed")  # noqa: S311 - a simulation must be repeatable, not secret
    values = [{name: (told["min"] + told["max"]) / 2 for name, told in FIELDS.items()} for _ in range(sensors)]
    turn = 0
    while True:
        number, at = turn % sensors, start + turn * interval
        values[number] = {name: _step(rng, value, FIELDS[name]) for name, value in values[number].items()}
        payload = values[number] | {"ts": at // SECOND, "ts_ns": at % SECOND}
        body = signature.message(payload, key)
        yield Message(at, "normal", f"signed:{address(number)}", "signed", "mqtt", address(number), body)
        turn += 1


def _step(rng: random.Random, value: float, told: dict[str, Any]) -> float:
    low, high = float(told["min"]), float(told["max"])
    span = (high - low) / 50
    return round(min(high, max(low, value + rng.uniform(-span, span))), 2)
