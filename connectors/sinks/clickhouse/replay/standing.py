"""What still stands of a correction: what its undo takes back, and what one below it has to wait for."""

from collections.abc import Collection

from connectors.sinks.clickhouse.replay.slices import Slice, slices
from connectors.sinks.clickhouse.replay.tables import Tables


def points(tables: Tables, part: Slice, undos: Collection[int]) -> str:
    """Asks for rows of the delta that stand, within ``part``; ``undos``: generations of undos."""
    return tables.statement("standing", within=part.condition, undos=_list(undos))


def names(tables: Tables, undos: Collection[int]) -> str:
    """Asks for names that stand."""
    return tables.statement("standing_names", undos=_list(undos))


def held(tables: Tables, by: Tables, undos: Collection[int]) -> int:
    """How many rows and names stand that correction ``by`` wrote, at keys and series of this one; 0: one is not kept.

    Raises:
        Transient: ask again.
    """
    if not (tables.have("delta", "names") and by.have("delta", "names")):
        return 0
    found = sum(_held_in(part, tables, by, undos) for part in slices(tables, "delta"))
    series = f"SELECT series_id FROM {tables.name('names')} WHERE known"  # noqa: S608 - a name made here
    return found + _counted(by, names(by, undos), f"series_id IN ({series})")


def _held_in(part: Slice, tables: Tables, by: Tables, undos: Collection[int]) -> int:
    keys = f"SELECT series_id, ts FROM {tables.name('delta')} WHERE {part.condition}"  # noqa: S608 - a name made here
    return _counted(by, points(by, part, undos), f"(series_id, ts) IN ({keys})")


def _counted(tables: Tables, question: str, among: str) -> int:
    return int(tables.store.rows(f"SELECT count() FROM (\n{question}\n) WHERE {among}")[0][0])  # noqa: S608 - names made here


def _list(undos: Collection[int]) -> str:
    """An empty list is no SQL; no undo is of generation 0."""
    return ", ".join(map(str, (0, *undos)))
