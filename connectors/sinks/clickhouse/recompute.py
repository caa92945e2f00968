"""What the store computes from its own points: aggregates of windows, and the latest point of series.

Keys travel inside the statement, in portions that stay well below ClickHouse's limit of 256 KiB for a statement.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from string import Template

import sql
from connectors.sinks.clickhouse.store import Store
from streams.core.times import SECOND
from streams.progress import HERE

PORTION = 2000
"""keys of at most 50 bytes"""
SPAN_S = 86_400
"""A statement reads all that its series have between its first key and its last. One clock that says 2000 beside others
that are right would make that years; a day is what windows of a day read in each round anyway."""

_WANTED = Template(
    "SELECT key.1 AS series_id, key.2 AS slot, key.3 AS label "
    "FROM (SELECT arrayJoin(CAST([$keys], 'Array(Tuple(UInt64, Int64, UInt64))')) AS key)"
)

Window = tuple[int, int]
"""(series id, number of the window since the epoch)"""


def run(store: Store, statements: Iterable[str]) -> None:
    """Run these statements in turn. Where they are many, the watchdog sees that they move.

    Raises:
        Transient: some may be done, all must be tried again.
    """
    for statement in statements:
        store.command(statement)
        HERE.beat()


def windows(length: int, labels: Mapping[Window, int]) -> Iterator[str]:
    """Statements that recompute aggregates of ``length`` s.

    ``labels``: window -> the `readings` offset up to which the store holds its points.
    """
    # Portions of one time are narrow in the index: windows first by time, then by series.
    for portion in _portions(labels, max(1, SPAN_S // length)):
        span = portion[0][1] * length * SECOND, (portion[-1][1] + 1) * length * SECOND
        keys = ", ".join(f"({series}, {slot}, {labels[series, slot]})" for series, slot in portion)
        yield windows_statement(length, _WANTED.substitute(keys=keys), span)


def windows_statement(length: int, wanted: str, span: tuple[int, int]) -> str:
    """The statement that recomputes windows of ``length`` seconds.

    ``wanted`` is a SELECT of series_id, slot and label; ``span``: the ns in which all these windows lie, whole.
    """
    statement = Template(sql.query("recompute_windows"))
    return statement.substitute({"window": length, "wanted": wanted, "from": span[0], "until": span[1]})


def latest(newest: Mapping[int, int]) -> Iterator[str]:
    """Statements that put the points at these (series id -> ns) into `latest`, where the newest of a series stands."""
    statement = Template(sql.query("refresh_latest"))
    for portion in _portions(newest.items(), SPAN_S * SECOND):
        times = {"from": portion[0][1], "until": portion[-1][1]}
        keys = ", ".join(f"({series}, {ts})" for series, ts in portion)
        yield statement.substitute(keys=keys, **times)


def _portions(keys: Collection[tuple[int, int]], span: int) -> Iterator[list[tuple[int, int]]]:
    """In order of time; the times of one portion differ by less than ``span``."""
    portion: list[tuple[int, int]] = []
    for key in sorted(keys, key=lambda key: (key[1], key[0])):
        if portion and (len(portion) == PORTION or key[1] - portion[0][1] >= span):
            yield portion
            portion = []
        portion.append(key)
    if portion:
        yield portion
