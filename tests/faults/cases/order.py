"""Row 6: what the MQTT connector received one after the other stands in `raw` in that order, whatever Kafka does meanwhile.

What a broker delivers again comes twice, so the first of each counts. Whether the broker itself keeps the order in which
messages were sent is only noted: two of one moment came the other way round, once in seven runs. A spool, which the webhook
has, promises less: a few hundred may overtake each other when it steps back.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

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
    """They are in one partition, and the first of each stands behind what was received before it."""
    found = list(_found(one))
    partitions = sorted({partition for partition, _, _ in found})
    one.holds(f"a device has one partition: {partitions}", len(partitions) == 1)
    first = dict[int, int]()
    for _, number, received_at in found:
        first.setdefault(number, received_at)
    one.holds(f"{len(first)} numbered messages are enough", len(first) >= LEAST)
    swapped = [(former, later) for former, later in itertools.pairwise(first) if former > later]
    one.result.notes |= {"in_order": len(first), "again": len(found) - len(first), "came_swapped": len(swapped)}
    early = [(former, later) for former, later in itertools.pairwise(first) if first[former] > first[later]]
    one.holds(f"messages stand in raw in the order in which they came, not so: {early[:5]}", not early)


def _device(one: Run) -> str:
    return f"numbered-{one.result.name}-{one.result.seed}"


def _numbered(device: str) -> Iterator[Message]:
    for number in itertools.count():
        now = time.time_ns()
        body = json.dumps({"device": device, "time": now, "values": {"n": number}}).encode()
        yield Message(now, "numbered", f"json:{device}", "json", "mqtt", f"json/{device}", body)


def _found(one: Run) -> Iterator[tuple[int, int, int]]:
    """Partition, number and when it was received (ns), partition by partition in their order."""
    address = f"json/{_device(one)}"
    for message in scan(one.world.settings.kafka, "raw"):
        with suppress(avro.AvroError):  # whatever else stands in raw
            record = avro.decode(message.value() or b"", RawRecord)
            if record.address == address:
                yield message.partition() or 0, json.loads(record.payload)["values"]["n"], record.received_at
