"""What people ask of a replay: differences by group, points before and after, rows for sinks that hold none."""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.sinks.clickhouse.replay.tables import Tables
from streams.replay.job import Counts
from streams.replay.store import Difference, Sample

GROUPED = {"device": "n.device", "measurement": "n.name", "codec": "s.codec", "day": "toString(s.day)"}
EACH = 3
"""samples of a series and kind, at most"""


def groups(tables: Tables, by: str, limit: int) -> Sequence[Difference]:
    """The difference by one of ``streams.replay.store.GROUPS``, most differing first; empty when there is none."""
    if not tables.have("summary", "series"):
        return []
    return [_difference(*row) for row in tables.store.rows(tables.statement("groups", group=GROUPED[by], limit=limit))]


def samples(tables: Tables, limit: int) -> Sequence[Sample]:
    """Points before and after, from kinds and series in turn."""
    if not tables.have("diff", "summary", "series"):
        return []
    rows = tables.store.rows(tables.statement("samples", each=EACH, limit=limit))
    return [Sample(**dict(zip(Sample.__struct_fields__, row, strict=True))) for row in rows]


def delta_rows(tables: Tables, table: str) -> Iterator[Sequence[Any]]:
    """Rows of ``connectors.replays.corrected.Correction``, by raw record, as they come from the store.

    Raises:
        Transient: also half-way.
    """
    return tables.store.stream(tables.statement("rows", table=table, undo=int(table == "undo")))


def _difference(  # noqa: PLR0913, PLR0917 - a row
    group: str, added: int, removed: int, changed: int, same: int, numbers: int, mean: float, largest: float
) -> Difference:
    counts = Counts(added=added, removed=removed, changed=changed, same=same)
    if not numbers:
        return Difference(group=group, counts=counts)
    return Difference(group=group, counts=counts, mean_change=mean, largest_change=largest)
