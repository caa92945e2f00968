"""What Ubidots must have of boxes that are mapped before they say anything: every dot once, with its value."""

import time
from collections.abc import Iterator

from connectors.demo.mapping import patiently
from connectors.simulator import fleet
from connectors.sinks.ubidots.device import label
from connectors.sinks.ubidots.payload import number
from streams import avro
from streams.core.records import Reading
from streams.core.times import HOUR, MILLISECOND, SECOND
from streams.scan import scan
from tests.faults import written
from tests.faults.run import Run

Dots = dict[tuple[str, str, int], float]
"""(label of the device, variable, ms) -> value"""


def begin(one: Run) -> Iterator[fleet.Message]:
    """Map the boxes; what they say, without end."""
    options = _options(one)
    for box in fleet.devices(options):
        patiently(written.settle, one.world.api, box, time.time_ns() - 8 * HOUR)
    return fleet.messages(options)


def compare(one: Run) -> None:
    """What was placed live is there, and nothing else."""
    expected = _placed(one)
    labels = {where for where, _, _ in expected}
    found = {tuple(key): value for *key, value in one.world.ubidots("/dots")["dots"] if key[0] in labels}
    differing = [f"{key}: {expected.get(key)} expected, {found.get(key)} there"
                 for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]  # fmt: skip
    one.result.notes["dots"] = len(expected)
    one.holds("there are dots to compare", bool(expected))
    one.holds(f"Ubidots has every dot: {len(differing)} differ, as {differing[:3]}", not differing)


def _placed(one: Run) -> Dots:
    """Of two values for one variable and ms the later one stays."""
    devices = {box.key for box in fleet.devices(_options(one))}
    readings = (avro.decode(message.value() or b"", Reading) for message in scan(one.world.settings.kafka, "readings"))
    return {
        (label(m.logical_uid, None), m.name, m.time // MILLISECOND): value
        for reading in readings
        if reading.device in devices
        for m in reading.measurements
        if m.logical_uid is not None and (value := number(m)) is not None
    }


def _options(one: Run) -> fleet.Options:
    """Boxes of this case alone."""
    seed = one.result.seed * 1000 + 500 + one.result.row
    return fleet.Options(seed=seed, devices=6, start=time.time_ns(), interval=SECOND // 20)
