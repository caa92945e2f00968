"""Which generations the rows of the store carry: what is written at a lower one is never seen where they stand."""

from connectors.sinks.clickhouse.store import Store
from streams.settings import ClickHouseSettings

VERSIONED = ("points", "series", "aggregates")
"""Each has the generation in the upper bits of column version."""
THERE = "SELECT name FROM system.tables WHERE database = {database:String} AND name IN {tables:Array(String)}"


def newest(settings: ClickHouseSettings) -> int:
    """The highest one; 0 where there are no rows, or no tables yet.

    Raises:
        Transient: the store does not answer.
    """
    store = Store(settings.model_copy(update={"database": ""}), "generations")
    asked = {"database": settings.database, "tables": list(VERSIONED)}
    try:
        there = [table for (table,) in store.rows(THERE, asked)]
        found = [store.rows(f"SELECT max(bitShiftRight(version, 46)) FROM `{settings.database}`.{t}") for t in there]  # noqa: S608 - names of the settings
        return max((int(rows[0][0]) for rows in found), default=0)
    finally:
        store.close()
