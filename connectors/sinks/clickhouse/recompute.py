"""What the store computes from its own points: aggregates of windows, and the latest point of series.

Keys travel inside the statement, in portions that stay well below ClickHouse's limit of 256 KiB for a statement.
"""

from collections.abc import Collection, Iterator, Mapping
from string import Template

import sql
from connectors.sinks.clickhouse.store import Store
from streams.core.times import SECOND

PORTION = 2000
"""keys of at most 50 bytes"""

_WANTED = Template(
    "SELECT key.1 AS series_id, key.2 AS slot, key.3 AS label "
    "FROM (SELECT arrayJoin(CAST([$keys], 'Array(Tuple(UInt64, Int64, UInt64))')) AS key)"
)

Window = tuple[int, int]
"""(series id, number of the window since the epoch)"""


def windows(store: Store, length: int, labels: Mapping[Window, int]) -> None:
    """Recompute aggregates of ``length`` seconds: window -> the `readings` offset up to which the store holds its points.

    Raises:
        Transient: some may be written, all must be tried again.
    """
    # Portions of one time are narrow in the index: windows first by time, then by series.
    for portion in _portions(labels):
        span = portion[0][1] * length * SECOND, (portion[-1][1] + 1) * length * SECOND
        keys = ", ".join(f"({series}, {slot}, {labels[series, slot]})" for series, slot in portion)
        store.command(windows_statement(length, _WANTED.substitute(keys=keys), span))


def windows_statement(length: int, wanted: str, span: tuple[int, int]) -> str:
    """The statement that recomputes windows of ``length`` seconds.

    ``wanted`` is a SELECT of series_id, slot and label; ``span``: the ns in which all these windows lie, whole.
    """
    statement = Template(sql.query("recompute_windows"))
    return statement.substitute({"window": length, "wanted": wanted, "from": span[0], "until": span[1]})


def latest(store: Store, newest: Mapping[int, int]) -> None:
    """Put the points at these (series id -> time in ns) into `latest`, where the newest of a series stands.

    Raises:
        Transient: as ``windows``.
    """
    statement = Template(sql.query("refresh_latest"))
    for portion in _portions(newest.items()):
        times = {"from": portion[0][1], "until": portion[-1][1]}
        keys = ", ".join(f"({series}, {ts})" for series, ts in portion)
        store.command(statement.substitute(keys=keys, **times))


def _portions(keys: Collection[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    ordered = sorted(keys, key=lambda key: (key[1], key[0]))
    for start in range(0, len(ordered), PORTION):
        yield ordered[start : start + PORTION]
