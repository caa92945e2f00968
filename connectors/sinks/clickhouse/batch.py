"""A batch on its way into the store: decoded records with their place, and inserts that single out a culprit."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from connectors.sinks.base import Record, Rejection
from connectors.sinks.clickhouse.store import BadData
from streams import avro


class Item(Struct, frozen=True):
    """A decoded record and its index in the batch; value None is a deletion."""

    index: int
    record: Record
    value: Struct | None


def decoded(batch: Sequence[Record], decode: Callable[[Record], Struct | None]) -> tuple[list[Item], list[Rejection]]:
    """The records of a batch, and what ``decode`` refused by an ``AvroError``."""
    items: list[Item] = []
    rejections: list[Rejection] = []
    for index, record in enumerate(batch):
        try:
            items.append(Item(index, record, decode(record)))
        except avro.AvroError as error:
            rejections.append(Rejection(index, error.reason, error.detail))
    return items, rejections


def bisected(items: Sequence[Item], insert: Callable[[Sequence[Item]], list[Rejection]]) -> list[Rejection]:
    """Insert; what the store refuses for its data is found by halving and rejected, its neighbours are kept.

    Raises:
        Transient: from ``insert``.
    """
    if not items:
        return []
    try:
        return insert(items)
    except BadData as error:
        if len(items) == 1:
            return [Rejection(items[0].index, error.reason, error.detail)]
        half = len(items) // 2
        return bisected(items[:half], insert) + bisected(items[half:], insert)


def columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """Rows turned; no rows are one empty column."""
    return [list(column) for column in zip(*rows, strict=True)] or [[]]
