"""A batch on its way into the store: decoded records with their place, and inserts that single out a culprit."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.clickhouse.store import BadData
from streams import avro, progress

FEW = 3
"""so many are put away even if none is taken: a lone one must not stop its partition"""
REST_S = 30.0
"""before all of them are tried again one by one"""


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
        Transient: from ``insert``; or more than a few are refused and none is taken, so that they are not to blame.
    """
    halving = _Halving(insert)
    rejections = halving.write(items)
    if halving.blamed > FEW and not halving.passed:
        raise Transient(f"none of {len(items)} records is taken: {halving.refusal}", REST_S)
    return rejections


class _Halving:
    def __init__(self, insert: Callable[[Sequence[Item]], list[Rejection]]) -> None:
        self._insert = insert
        self.passed, self.blamed, self.refusal = False, 0, ""

    def write(self, items: Sequence[Item]) -> list[Rejection]:
        if not items:
            return []
        progress.HERE.beat()  # thousands of attempts, when none is taken
        try:
            rejections = self._insert(items)
        except BadData as error:
            return self._halves(items, error)
        self.passed |= len(rejections) < len(items)
        return rejections

    def _halves(self, items: Sequence[Item], error: BadData) -> list[Rejection]:
        if len(items) == 1:
            self.blamed, self.refusal = self.blamed + 1, str(error)
            return [Rejection(items[0].index, error.reason, error.detail)]
        half = len(items) // 2
        return self.write(items[:half]) + self.write(items[half:])


def columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """Rows turned; no rows are one empty column."""
    return [list(column) for column in zip(*rows, strict=True)] or [[]]
