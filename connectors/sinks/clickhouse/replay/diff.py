"""Staged points against those that stand: what is added, removed, changed, or shielded by a later record."""

from connectors.sinks.clickhouse.replay.tables import Tables
from streams.core.identity import OFFSET_BITS, PARTITION_BITS, row_version
from streams.replay.job import Counts, Mode

LAST_OFFSET, LAST_PARTITION = (1 << OFFSET_BITS) - 1, (1 << PARTITION_BITS) - 1


def diff(tables: Tables, mode: str) -> Counts:
    """Compare, and keep what differs. The counts are written last, so that they are those of a complete difference.

    Raises:
        Transient: do it again.
    """
    tables.remake("counts", "reach", "diff", "summary")
    _find_reach(tables)
    for month, first, last in _months(tables):
        restore = int(mode == Mode.RESTORE)
        tables.store.command(tables.statement("diff", month=month, first=first, last=last, restore=restore))
    tables.store.command(tables.statement("summary"))
    tables.store.command(
        f"INSERT INTO {tables.name('counts')} SELECT kind, sum(points), '{Mode(mode)}' "  # noqa: S608 - names made here
        f"FROM {tables.name('summary')} GROUP BY kind UNION ALL SELECT '', 0, '{Mode(mode)}'"
    )
    return counts(tables)


def counts(tables: Tables) -> Counts:
    """What the last complete difference held."""
    kinds = _kinds(tables)
    added, removed, changed = (kinds.get(kind, 0) for kind in ("added", "removed", "changed"))
    same = kinds.get("staged", 0) - added - changed - kinds.get("shielded", 0)
    return Counts(added=added, removed=removed, changed=changed, same=same)


def shielded(tables: Tables) -> int:
    """Staged points that a later record outside of the replay keeps from being written."""
    return _kinds(tables).get("shielded", 0)


def restores(tables: Tables) -> bool:
    """Whether the last complete difference was one of mode ``restore``."""
    return bool(tables.store.rows(f"SELECT 1 FROM {tables.name('counts')} WHERE mode = '{Mode.RESTORE}' LIMIT 1"))  # noqa: S608 - a name made here


def _kinds(tables: Tables) -> dict[str, int]:
    if not tables.have("counts"):
        return {}
    return dict(tables.store.rows(f"SELECT kind, points FROM {tables.name('counts')}"))  # type: ignore[arg-type]  # noqa: S608


def _find_reach(tables: Tables) -> None:
    tables.store.command(
        f"INSERT INTO {tables.name('reach')} SELECT toYYYYMM(ts), series_id, min(ts), max(ts) "  # noqa: S608 - names made here
        f"FROM {tables.name('staged')} GROUP BY toYYYYMM(ts), series_id"
    )
    ends = f"SELECT min(first), max(last), count() FROM {tables.name('selected')}"  # noqa: S608 - as above
    first, last, runs = tables.store.rows(ends)[0]
    if runs:
        lowest, highest = row_version(0, 0, first), row_version(0, LAST_PARTITION, min(last, LAST_OFFSET))
        tables.store.command(tables.statement("reach", first=lowest, last=highest))


def _months(tables: Tables) -> list[tuple[int, int, int]]:
    question = f"SELECT month, min(first), max(last) FROM {tables.name('reach')} GROUP BY month ORDER BY month"  # noqa: S608 - a name made here
    return [(month, first, last) for month, first, last in tables.store.rows(question)]
