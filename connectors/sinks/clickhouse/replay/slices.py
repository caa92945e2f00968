"""A replay's rows in parts that memory holds whatever their number: ranges of months, series and days."""

from collections.abc import Iterator

from msgspec import Struct

from connectors.sinks.clickhouse.replay.tables import Tables
from streams.core.times import DAY

ROWS = 300_000
"""of a part, as far as one series in one day has not more"""


class Slice(Struct, frozen=True):
    """Series between two ids, both included; times in whole days, ``until`` excluded, inside of one month. In ns."""

    first: int
    last: int
    since: int
    until: int

    @property
    def condition(self) -> str:
        """For a WHERE over series_id and ts."""
        times = f"ts >= fromUnixTimestamp64Nano({self.since}) AND ts < fromUnixTimestamp64Nano({self.until})"
        return f"series_id BETWEEN {self.first} AND {self.last} AND {times}"


def slices(tables: Tables, table: str, rows: int = ROWS) -> list[Slice]:
    """Parts of a replay's table of about so many rows."""
    found = tables.store.rows(tables.statement("slices", table=table, rows=rows))
    return [
        part
        for _, first, last, since, until, held in found
        for part in _by_days(first, last, since // DAY, until // DAY + 1, held // rows)
    ]


def _by_days(first: int, last: int, since: int, until: int, more: int) -> Iterator[Slice]:
    """One series may hold more than fits: its days are parted then."""
    step = max(1, (until - since) // (more + 1))
    for day in range(since, until, step):
        yield Slice(first, last, day * DAY, min(day + step, until) * DAY)
