"""Table `latest` after a correction: the newest point of each touched series, with hardly a moment without one."""

from collections.abc import Sequence

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.batch import columns
from connectors.sinks.clickhouse.replay.tables import Tables
from connectors.sinks.clickhouse.rows import POINTS

LATEST = POINTS._replace(name="latest")
PORTION = 2000
LOOK_BACK = 35 * 86_400 * 1_000_000_000
"""ns before the point that went: where the newest one most often is"""


def settle(tables: Tables, table: str) -> None:
    """Put the newest point of each series in which rows of ``table`` stand into `latest`; safe to do at any time.

    Written rows replace what stands there by themselves, as in the sink. Where the newest point has gone, the one that
    is newest now is put beside it, its row deleted, and the other put there again, should a merge have taken it along.

    Raises:
        Transient: do it again.
    """
    stale = [tuple(row) for row in tables.store.rows(tables.statement("stale_latest", table=table))]
    question = f"SELECT series_id, max(ts) FROM {tables.name(table)} WHERE NOT is_deleted GROUP BY series_id"  # noqa: S608 - a name made here
    recompute.run(tables.store, recompute.latest(dict(tables.store.rows(question))))  # type: ignore[arg-type]
    for start in range(0, len(stale), PORTION):
        _replace(tables, stale[start : start + PORTION])


def _replace(tables: Tables, stale: Sequence[tuple[int, int, int]]) -> None:
    rows = columns(_newest(tables, stale))
    keys = ", ".join(f"({series}, {version}, {ts})" for series, ts, version in stale)
    tables.store.insert(LATEST, rows)
    tables.store.command(
        f"DELETE FROM latest WHERE (series_id, version, toUnixTimestamp64Nano(ts)) IN ({keys})"  # noqa: S608 - numbers only
    )
    tables.store.insert(LATEST, rows)


def _newest(tables: Tables, stale: Sequence[tuple[int, int, int]]) -> list[tuple[object, ...]]:
    """The newest points of these series; of those without one in the last month everything is read."""
    found: dict[int, tuple[object, ...]] = {}
    for since in (min(ts for _, ts, _ in stale) - LOOK_BACK, 0):
        missing = {series for series, _, _ in stale} - found.keys()
        if missing:
            keys = ", ".join(map(str, sorted(missing)))
            found |= {
                row[0]: tuple(row) for row in tables.store.rows(tables.statement("newest", keys=keys, since=since))
            }
    return list(found.values())
