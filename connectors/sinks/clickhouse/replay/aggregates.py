"""Windows that a correction touched: computed anew from the points, in parts, and looked at once more in the end."""

from collections.abc import Iterable, Sequence
from itertools import product

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.replay.slices import Slice, slices
from connectors.sinks.clickhouse.replay.tables import Tables
from streams.replay.store import TouchedWindow


def settle(tables: Tables, table: str, lengths: Iterable[int]) -> int:
    """Compute the windows of these lengths (s) in which rows of ``table`` stand; returns how many.

    A label of 0: whatever the sink or the window agent computes from later readings stands above it.

    Raises:
        Transient: do it again.
    """
    windows, every = 0, tuple(lengths)
    for part in slices(tables, table):
        for length in every:
            wanted = _wanted(tables, table, length, part)
            tables.store.command(recompute.windows_statement(length, wanted, (part.since, part.until)))
        windows += _count(tables, table, every, part)
    return windows


def unsettled(tables: Tables, table: str, lengths: Iterable[int]) -> list[TouchedWindow]:
    """Those of them that somebody else has written since.

    Raises:
        Transient: do it again.
    """
    found: list[TouchedWindow] = []
    for part, length in product(slices(tables, table), tuple(lengths)):
        values = {"wanted": _wanted(tables, table, length, part), "from": part.since, "until": part.until}
        rows = tables.store.rows(tables.statement("unsettled", window=length, **values))
        found += [TouchedWindow(device, name, unit, length, start) for device, name, unit, start in rows]
    return found


def _count(tables: Tables, table: str, lengths: Sequence[int], part: Slice) -> int:
    counts = " + ".join(f"uniqExact(series_id, {_slot(length)})" for length in lengths) or "0"
    return int(tables.store.rows(f"SELECT {counts} FROM {tables.name(table)} WHERE {part.condition}")[0][0])  # noqa: S608 - made here


def _wanted(tables: Tables, table: str, length: int, part: Slice) -> str:
    columns = f"series_id, {_slot(length)} AS slot, toUInt64(0) AS label"
    return f"SELECT DISTINCT {columns} FROM {tables.name(table)} WHERE {part.condition}"  # noqa: S608 - made here


def _slot(length: int) -> str:
    return f"intDiv(toUnixTimestamp64Nano(ts), {length} * 1000000000)"
