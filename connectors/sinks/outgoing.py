"""What leaves the system for one reading: per logical device its measurements, as the mapping presents them.

Unmapped and paused measurements stay inside. The rule is `core.place.present`; it is applied with the mapping as the
sink knows it, which is never older than the one that placed the reading.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.lineages import lineage_of
from streams import avro
from streams.core.block import points
from streams.core.place import present, present_block
from streams.core.records import DeviceMapping, Measurement, Reading
from streams.settings import Settings
from streams.view import CompactedView

VIEW_S = 5.0
PORTION_BYTES = 1 << 20
"""of readings that are opened at once: a value of a block takes 8 bytes there, and twenty times that as a measurement"""


class Message(Struct, frozen=True):
    """The measurements of one reading that belong to one logical device; never none."""

    reading: Reading
    physical_uid: int | None
    logical_uid: int
    measurements: list[Measurement]


def messages(reading: Reading, mapping: DeviceMapping | None) -> list[Message]:
    """One message per logical device, in the order in which the reading comes to them; blocks become points."""
    shown: dict[int, list[Measurement]] = {}
    for measurement in reading.measurements:
        found = present(measurement, mapping)
        if found is not None and found.logical_uid is not None:
            shown.setdefault(found.logical_uid, []).append(found)
    for block in reading.blocks:
        for run in present_block(block, mapping):
            if run.logical_uid is not None:
                shown.setdefault(run.logical_uid, []).extend(points(run))
    uid = mapping.physical_uid if mapping else reading.physical_uid
    return [Message(reading, uid, logical_uid, found) for logical_uid, found in shown.items()]


def portions(batch: Sequence[Record], limit: int = PORTION_BYTES) -> Iterator[range]:
    """The batch in consecutive pieces of at most ``limit`` bytes; a record that is larger alone is a piece of its own."""
    start = size = 0
    for index, record in enumerate(batch):
        length = len(record.value or b"")
        if index > start and size + length > limit:
            yield range(start, index)
            start, size = index, 0
        size += length
    if start < len(batch):
        yield range(start, len(batch))


class Outgoing:
    """Opens a batch of `readings` into messages. ``sources``: only these; empty means every source."""

    def __init__(self, settings: Settings, sources: Sequence[str]) -> None:
        self._sources = frozenset(sources)
        self._view = CompactedView(settings.kafka, "device-mapping", DeviceMapping)
        self._started = False

    def open(self, batch: Sequence[Record]) -> tuple[list[list[Message]], list[Rejection]]:
        """The messages of each record of the batch, and what is no reading.

        Raises:
            Transient: the mapping view is older than the one that placed the readings.
        """
        readings, rejections = _readings(batch)
        if readings:
            self._await_mapping(max(reading.mapping_position for reading in readings.values()))
        opened = [self._messages(readings.get(index)) for index in range(len(batch))]
        return opened, rejections

    def close(self) -> None:
        """Stop following the mapping."""
        if self._started:
            self._view.stop()

    def _messages(self, reading: Reading | None) -> list[Message]:
        if reading is None or (self._sources and reading.source not in self._sources):
            return []
        return messages(reading, self._view.get(reading.device))

    def _await_mapping(self, position: int) -> None:
        if not self._started:
            self._view.start()
            self._started = True
        if not self._view.wait_ready(VIEW_S) or self._view.position < position:
            raise Transient(f"device-mapping is read up to {self._view.position}, {position} is needed", 0.1)


def _reading(record: Record) -> Reading:
    reading = avro.decode(record.value or b"", Reading)
    if lineage_of(reading) is None:
        place = f"raw {reading.raw_partition}, offset {reading.raw_offset}, index {reading.index}"
        raise avro.AvroError("impossible-lineage", place)
    return reading


def _readings(batch: Sequence[Record]) -> tuple[dict[int, Reading], list[Rejection]]:
    readings, rejections = {}, []
    for index, record in enumerate(batch):
        try:
            readings[index] = _reading(record)
        except avro.AvroError as error:
            rejections.append(Rejection(index, error.reason, error.detail))
    return readings, rejections
