"""The correction and its undo: rows built beside the live ones, then made visible by one atomic statement."""

import time
from collections.abc import Collection

from connectors.sinks.clickhouse.replay import diff, standing
from connectors.sinks.clickhouse.replay.slices import slices
from connectors.sinks.clickhouse.replay.tables import Tables

WITNESSES = 100
_CONTENT = "(series_id, ts, version, isNull(value), ifNull(value, 0), text, quality, logical_uid, is_deleted)"
_NAMES = "series_id, device, name, unit, source, first_seen, version"


def build(tables: Tables, generation: int) -> None:
    """Make the rows of the correction, and of the names that go with it. The difference is the undo's journal.

    Raises:
        Transient: do it again.
    """
    restore = int(diff.restores(tables))
    tables.remake("delta_next", "names_next")
    tables.make("names")
    tables.store.command(tables.statement("delta", generation=generation, restore=restore))
    tables.store.command(tables.statement("names", generation=generation, restore=restore))
    tables.store.command(f"EXCHANGE TABLES {tables.name('names')} AND {tables.name('names_next')}")
    _offer(tables, "delta")


def build_undo(tables: Tables, generation: int, undos: Collection[int]) -> int:
    """Make the rows that take back what still is the correction's; returns how many. ``undos``: generations of undos.

    Raises:
        Transient: do it again.
    """
    tables.remake("undo_next", "undo_names")
    for part in slices(tables, "delta"):
        rows_of = standing.points(tables, part, undos)
        tables.store.command(tables.statement("undo", generation=generation, within=part.condition, standing=rows_of))
    named = standing.names(tables, undos)
    tables.store.command(tables.statement("undo_names", generation=generation, standing=named))
    _offer(tables, "undo")
    return rows(tables, "undo")


def _offer(tables: Tables, table: str) -> None:
    """Give what is built its name, by which it is attached. One part a month: attaching takes no time, and leaves few parts."""
    tables.store.command(f"OPTIMIZE TABLE {tables.name(f'{table}_next')} FINAL")
    tables.rename(f"{table}_next", table)


def rows(tables: Tables, table: str) -> int:
    """How many rows one of the replay's tables holds."""
    return int(tables.store.rows(f"SELECT count() FROM {tables.name(table)}")[0][0])  # noqa: S608 - a name made here


def attach(tables: Tables, table: str, names: str) -> float:
    """Make the rows of ``table`` visible, all in the same moment; ms that it took, 0 when they were.

    The names of new series come before the rows, which nobody would see without one; the others after them, since what
    is given up in between has no undo. A store that is killed amid the statement may come back with some of the months:
    all are attached once more then, and the same rows twice are the same rows.

    Raises:
        Transient: nobody knows whether they are visible; do it again.
    """
    if table == "delta":
        _tell(tables, names, "NOT known")
    took = _show(tables, table)
    _tell(tables, names, "1")
    return took


def _tell(tables: Tables, names: str, which: str) -> None:
    tables.store.command(f"INSERT INTO series ({_NAMES}) SELECT {_NAMES} FROM {tables.name(names)} WHERE {which}")  # noqa: S608 - names made here


def _show(tables: Tables, table: str) -> float:
    if _complete(tables, table) or tables.empty(table):
        return 0.0
    began = time.perf_counter()
    tables.store.command(f"ALTER TABLE points ATTACH PARTITION ALL FROM {tables.name(table)}")
    return (time.perf_counter() - began) * 1000


def _complete(tables: Tables, table: str) -> bool:
    """Whether there is a witness in every month; rows that others have replaced since are none, and may come again."""
    if table == "delta" and diff.restores(tables):
        return _stands(tables, table)
    wanted = tables.store.rows(f"SELECT DISTINCT toYYYYMM(ts) FROM {tables.name(table)}")  # noqa: S608 - a name made here
    return bool(wanted) and len(tables.store.rows(tables.statement("witness", table=table))) == len(wanted)


def attached(tables: Tables, table: str) -> bool:
    """Whether the rows of ``table`` have been attached; else they never will be, unless they are built anew.

    A runner that was killed or frozen may have a statement under way that attaches them: it comes too late for a table that has
    been taken away, or it has come by then.

    Raises:
        Transient: nobody knows; ask again.
    """
    if _stands(tables, table):
        return True
    away = f"{table}_away"
    if tables.have(table):
        tables.rename(table, away)
    found = _stands(tables, away)
    if found:
        tables.rename(away, table)
    elif tables.have(away):
        tables.drop(away)
    return found


def _stands(tables: Tables, table: str) -> bool:
    """Whether rows of ``table`` are in `points`: those of a month all are or none, so that a few witnesses tell.

    All are asked when the first have gone: live rows or other corrections took their place, and a merge removed them.
    Lost rows that are put back are no witnesses, since a sink that reads again may have written the same: there every
    row counts.
    """
    if not tables.have(table) or tables.empty(table):
        return False
    if table.startswith("delta") and diff.restores(tables):
        return not tables.store.rows(tables.statement("not_restored", table=table))
    few = f"FROM {tables.name(table)} ORDER BY series_id, ts LIMIT {WITNESSES}"
    first = (
        f"SELECT 1 FROM points WHERE (series_id, ts) IN (SELECT series_id, ts {few}) "  # noqa: S608 - names made here
        f"AND {_CONTENT} IN (SELECT {_CONTENT} {few}) LIMIT 1"
    )
    return bool(tables.store.rows(first) or tables.store.rows(tables.statement("witness", table=table)))


def optimise(tables: Tables, table: str) -> None:
    """Merge the months of these rows, so that FINAL has one part to read. Never CLEANUP: old rows may still come.

    Raises:
        Transient: do it again.
    """
    months = tables.store.rows(f"SELECT DISTINCT toYYYYMM(ts) FROM {tables.name(table)} ORDER BY 1")  # noqa: S608 - a name made here
    for (month,) in months:
        tables.store.command(
            f"OPTIMIZE TABLE points PARTITION {month} FINAL SETTINGS optimize_skip_merged_partitions = 1"
        )
