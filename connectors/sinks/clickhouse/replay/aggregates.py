"""Windows that a correction touched: computed anew from the points, in parts, and looked at once more in the end."""

from collections.abc import Iterable, Iterator

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
    windows = 0
    for length, part in _parts(tables, table, lengths):
        wanted = _wanted(tables, table, length, part)
        tables.store.command(recompute.windows_statement(length, wanted, (part.since, part.until)))
        windows += tables.store.rows(f"SELECT count() FROM ({wanted})")[0][0]  # noqa: S608 - made here
    return windows


def unsettled(tables: Tables, table: str, lengths: Iterable[int]) -> list[TouchedWindow]:
    """Those of them that somebody else has written since.

    Raises:
        Transient: do it again.
    """
    found: list[TouchedWindow] = []
    for length, part in _parts(tables, table, lengths):
        values = {"wanted": _wanted(tables, table, length, part), "from": part.since, "until": part.until}
        rows = tables.store.rows(tables.statement("unsettled", window=length, **values))
        found += [TouchedWindow(device, name, unit, length, start) for device, name, unit, start in rows]
    return found


def _parts(tables: Tables, table: str, lengths: Iterable[int]) -> Iterator[tuple[int, Slice]]:
    parts = slices(tables, table)
    return ((length, part) for length in lengths for part in parts)


def _wanted(tables: Tables, table: str, length: int, part: Slice) -> str:
    slot = f"intDiv(toUnixTimestamp64Nano(ts), {length} * 1000000000) AS slot"
    return f"SELECT DISTINCT series_id, {slot}, toUInt64(0) AS label FROM {tables.name(table)} WHERE {part.condition}"  # noqa: S608 - made here
