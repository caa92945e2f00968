"""Corrected points as readings and messages: what sinks would have got if decoding had been right at once. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import NamedTuple, TypeVar

from msgspec import Struct

from connectors.sinks.outgoing import Message, messages
from streams.core.identity import content_id
from streams.core.place import present
from streams.core.records import DeviceMapping, Lineage, Measurement, PhysicalDevice, Reading

T = TypeVar("T")
PORTION = 20_000
"""points that are held at a time"""


class Correction(NamedTuple):
    """A row of a replay's delta: a point as it is now, or one that was taken away.

    Fields in the order of the columns of ``ClickHouseReplayStore.delta_rows``; rows by raw partition, raw offset,
    device, time and name, so that the points of one reading stand together and asking again gives the same.
    ``time`` in ns; ``text`` "" and uid 0 stand for none. ``before_uid``: the logical device that the point stood at
    before, 0 where there was none. Of a removed point the content is that of what stood there.
    """

    series_id: int
    device: str
    name: str
    unit: str
    source: str
    time: int
    value: float | None
    text: str
    quality: int
    logical_uid: int
    raw_partition: int
    raw_offset: int
    removed: bool
    before_uid: int


class Receipt(Struct, frozen=True):
    """What is known of a raw record besides its lineage: correlation id, time of receipt in ns."""

    correlation_id: str = ""
    received_at: int = 0


class Surroundings(Struct, frozen=True):
    """What readings need besides points: mappings and physical devices by device key, and receipts by lineage."""

    mappings: Mapping[str, DeviceMapping]
    physical: Mapping[str, PhysicalDevice]
    receipts: Mapping[Lineage, Receipt]


class Corrected(Struct, frozen=True):
    """What the correction of one reading says to those who know logical devices.

    ``messages``: points as they are now. ``withdrawn``: points that are no longer at a logical device under a name,
    without values. ``hidden``: points that nobody outside knew or will know: unmapped, paused or dropped.
    """

    reading: Reading
    messages: list[Message]
    withdrawn: list[Message]
    hidden: int


def portions(rows: Iterable[T]) -> Iterator[list[T]]:
    """The rows, some thousand at a time."""
    every = iter(rows)
    while portion := list(islice(every, PORTION)):
        yield portion


def corrected(rows: Sequence[Correction], generation: int, around: Surroundings) -> Iterator[Corrected]:
    """The rows of a portion, reading by reading."""
    for _, group in groupby(rows, key=lambda row: (row.raw_partition, row.raw_offset, row.device)):
        yield _corrected(list(group), generation, around)


def _corrected(rows: list[Correction], generation: int, around: Surroundings) -> Corrected:
    mapping = around.mappings.get(rows[0].device)
    reading = _reading(rows, generation, around)
    withdrawn: dict[int, list[Measurement]] = {}
    hidden = 0
    for row in rows:
        shown = None if row.removed else present(_measurement(row), mapping)
        gone = _gone(row, shown, mapping)
        if gone is not None:
            withdrawn.setdefault(row.before_uid, []).append(gone)
        hidden += gone is None and shown is None
    before = [Message(reading, reading.physical_uid, uid, found) for uid, found in sorted(withdrawn.items())]
    return Corrected(reading, messages(reading, mapping), before, hidden)


def _reading(rows: list[Correction], generation: int, around: Surroundings) -> Reading:
    first, now = rows[0], [_measurement(row) for row in rows if not row.removed]
    receipt = around.receipts.get(Lineage(first.raw_partition, first.raw_offset), Receipt())
    mapping, physical = around.mappings.get(first.device), around.physical.get(first.device)
    return Reading(
        id=content_id(first.device, now),
        device=first.device,
        source=first.source,
        correlation_id=receipt.correlation_id,
        received_at=receipt.received_at,
        time=max(row.time for row in rows),
        raw_partition=first.raw_partition,
        raw_offset=first.raw_offset,
        index=0,
        generation=generation,
        decoder="",
        codec=None,
        mapping_position=-1,
        physical_uid=mapping.physical_uid if mapping else physical.uid if physical else None,
        source_ids=physical.source_ids if physical else {},
        measurements=now,
    )


def _measurement(row: Correction) -> Measurement:
    text = row.text if row.value is None else None
    return Measurement(row.name, row.unit, row.time, row.value, text, row.quality, row.logical_uid or None)


def _gone(row: Correction, shown: Measurement | None, mapping: DeviceMapping | None) -> Measurement | None:
    """What has to be withdrawn, because nothing stands in its place now."""
    name = _name_at(row, mapping)
    if not row.before_uid or name is None:
        return None
    if shown is not None and (shown.logical_uid, shown.name) == (row.before_uid, name):
        return None
    return Measurement(name, row.unit, row.time, None, None, row.quality, row.before_uid)


def _name_at(row: Correction, mapping: DeviceMapping | None) -> str | None:
    """The name that the point had at the logical device where it stood; None: it was not shown there."""
    intervals = [i for i in (mapping.intervals if mapping else ()) if i.logical_uid == row.before_uid]
    at_the_time = [i for i in intervals if i.start <= row.time and (i.end is None or row.time < i.end)]
    for interval in (at_the_time or intervals)[-1:]:
        for variable in interval.variables:
            if variable.source == row.name:
                return None if variable.drop else variable.target or row.name
    return row.name
