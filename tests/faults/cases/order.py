"""Row 6: what came one after the other through MQTT stands in `raw` in that order, whatever Kafka does meanwhile.

What a broker delivers again comes twice, so the first of each counts. A spool, which the webhook has, promises less: a few
hundred may overtake each other when it steps back.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator

from connectors.simulator.fleet import Message
from streams import avro
from streams.core.records import RawRecord
from streams.scan import scan
from tests.faults.run import Run

LEAST = 100
"""so many, or there was hardly an order to keep"""


def beside(act: Callable[[Run], None]) -> Callable[[Run], None]:
    """The case, and meanwhile messages of one device that are numbered."""

    def acting(one: Run) -> None:
        one.load.also(_numbered(_device(one)))
        act(one)

    return acting


def was_kept(one: Run) -> None:
    """They are in one partition, and none stands there behind a later one before it came there first."""
    found = list(_found(one))
    one.holds(
        f"a device has one partition: {sorted({partition for partition, _ in found})}", len({p for p, _ in found}) == 1
    )
    numbers = list(dict.fromkeys(number for _, number in found))
    one.result.notes |= {"in_order": len(numbers), "again": len(found) - len(numbers)}
    one.holds(f"{len(numbers)} numbered messages are enough", len(numbers) >= LEAST)
    early = [(later, number) for later, number in itertools.pairwise(numbers) if later > number]
    one.holds(f"messages stand in raw in the order in which they came, not so: {early[:5]}", not early)


def _device(one: Run) -> str:
    return f"numbered-{one.result.name}-{one.result.seed}"


def _numbered(device: str) -> Iterator[Message]:
    for number in itertools.count():
        now = time.time_ns()
        body = json.dumps({"device": device, "time": now, "values": {"n": number}}).encode()
        yield Message(now, "numbered", f"json:{device}", "json", "mqtt", f"json/{device}", body)


def _found(one: Run) -> Iterator[tuple[int, int]]:
    """Partition and number, partition by partition in their order."""
    address = f"json/{_device(one)}"
    for message in scan(one.world.settings.kafka, "raw"):
        record = avro.decode(message.value() or b"", RawRecord)
        if record.address == address:
            yield message.partition() or 0, json.loads(record.payload)["values"]["n"]
