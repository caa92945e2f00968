"""What tests of sinks on the real stack share: readings, mappings, what a group has committed, dead letters."""

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

from streams import avro, kafka
from streams.commits import Commits
from streams.core.records import DeadLetter, DeviceMapping, Interval, Measurement, Reading
from streams.core.times import SECOND
from tests.connectors.sinks.making import NOON, reading
from tests.stack import raw_log
from tests.stack.harness import Installation

DEVICES = 6
T = TypeVar("T", bound=Struct)


def device(number: int) -> str:
    return f"json:d{number % DEVICES}"


def numbered(number: int) -> Reading:
    """The n-th reading: device n mod 6, value n, at n seconds after noon, from raw partition n mod 4."""
    measurement = Measurement("t", "C", NOON + number * SECOND, float(number), None)
    return reading(measurement, cid=f"cid-{number}", offset=number // 4, partition=number % 4, device=device(number))


def send(installation: Installation, numbers: Iterable[int], *more: tuple[str, bytes]) -> None:
    """Readings by number, and values as they are: (topic, bytes)."""
    producer = kafka.BatchProducer(installation.settings.kafka)
    for number in numbers:
        producer.send("readings", device(number), avro.encode(numbered(number)))
    for topic, value in more:
        producer.send(topic, "more", value)
    producer.flush()


def map_devices(installation: Installation) -> None:
    """Device n goes to logical device 10 + n, for ever."""
    producer = kafka.BatchProducer(installation.settings.kafka)
    for number in range(DEVICES):
        mapping = DeviceMapping(device=device(number), physical_uid=number, intervals=[Interval(10 + number, 0)])
        producer.send("device-mapping", mapping.device, avro.encode(mapping))
    producer.flush()


def committed(installation: Installation, sink: str, topic: str) -> int:
    """The sum of the offsets that a sink has committed of a topic."""
    settings = installation.settings.kafka
    with Commits(settings) as commits:
        return sum(commits.of(f"sink-{sink}", topic, range(settings.partitions)).values())


def dead_letters(installation: Installation) -> list[DeadLetter]:
    """All that there are."""
    return records(installation, "dead-letters", DeadLetter)


def records(installation: Installation, topic: str, kind: type[T]) -> list[T]:
    """All records of a data topic."""
    return raw_log.values(installation.settings.kafka, topic, kind)
