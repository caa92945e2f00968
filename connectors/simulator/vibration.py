"""A vibration sensor, pure: the same number of the batch gives the same message, byte for byte.

The signal is the seed's: seven sines of a machine with a little noise, in batches of a second as source `vibration` reads
them.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from connectors.simulator.fleet import Message
from streams.core.times import SECOND

SINES = (
    (1.0, 5.0, 0.0),
    (0.6, 2.5, 0.0),
    (0.5, 10.0, 0.0),
    (0.3, 60.0, 0.3),
    (0.16, 120.0, 0.3),
    (0.86, 190.0, 0.0),
    (0.36, 550.0, 0.0),
)
"""amplitude, Hz, phase (radians): a(t) is the sum of amplitude * sin(2 pi Hz t + phase)"""
NOISE = 0.05
"""standard deviation"""


def signal(times: NDArray[np.int64]) -> NDArray[np.float64]:
    """The signal without noise at times in ns."""
    seconds = times[:, None] / SECOND
    amplitude, frequency, phase = np.array(SINES).T
    found: NDArray[np.float64] = (amplitude * np.sin(2 * np.pi * frequency * seconds + phase)).sum(axis=1)
    return found


def times(start: int, hz: float, number: int, seconds: float = 1.0) -> NDArray[np.int64]:
    """When batch ``number`` of a sensor that started at ``start`` (ns) samples: all batches together are an even row.

    ``hz`` may have a fraction, or be below 1: a batch then holds a sample more or less, or none.
    """
    first, end = (int(np.ceil(round(at * seconds * hz, 6))) for at in (number, number + 1))
    return start + np.round(np.arange(first, end) * (SECOND / hz)).astype(np.int64)


def batch(serial: str, start: int, hz: float, number: int, *, seconds: float = 1.0) -> bytes:
    """The body of one message: all samples of batch ``number``."""
    at = times(start, hz, number, seconds)
    noise = np.random.default_rng([*serial.encode(), number]).normal(0.0, NOISE, len(at))
    values = np.round(signal(at - start) + noise, 6).tolist()
    samples = [
        {"SerialNumber": serial, "Timestamp": written(time), "Value": value}
        for time, value in zip(at.tolist(), values, strict=True)
    ]
    return json.dumps(samples, separators=(",", ":")).encode()


def messages(seed: int, sensors: int, hz: float, start: int) -> Iterator[Message]:
    """Each sensor boots, with a log line, then sends a batch a second; in turn, over the webhook, without end."""
    known = serials(sensors, seed)
    for serial in known:
        yield _message(serial, start, started(serial, hz))
        yield _message(serial, start, logged(serial, start, "INFO", "Booting completed"))
    number = 0
    while True:
        for serial in known:
            yield _message(serial, start + (number + 1) * SECOND, batch(serial, start, hz, number))
        number += 1


def _message(serial: str, at: int, body: bytes) -> Message:
    return Message(at, "normal", f"vibration:{serial}", "vibration", "http", "/webhooks/vibration", body)


def started(serial: str, hz: float) -> bytes:
    """The body that announces a sensor."""
    return json.dumps({"SerialNumber": serial, "SampleFrequency": hz}).encode()


def logged(serial: str, time: int, level: str, message: str) -> bytes:
    """The body of a log line."""
    return json.dumps({"SerialNumber": serial, "Timestamp": written(time), "Level": level, "Message": message}).encode()


def topic(serial: str, kind: str) -> str:
    """The MQTT topic: one level; ``kind``: measurements, registry.created or logs."""
    return f"sensor.{serial}.{kind}"


def serials(count: int, seed: int = 1) -> list[str]:
    """So many distinct serial numbers."""
    letters = random.Random(seed)  # noqa: S311 - no secret
    return [f"{''.join(letters.choices('ABCDEFGH', k=3))}-{number:04}" for number in range(count)]


def written(time: int) -> str:
    """ns since the epoch as RFC 3339 with as many digits of the second as it takes."""
    seconds, fraction = divmod(time, SECOND)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{digits}Z"
