"""The tables of one replay, in the same database as the live ones: `replay_<id>_<what>`.

A table that a step fills by a statement of the server's own is dropped and made anew when the step is repeated: a
statement of a runner that was killed may still be running, and ends in the table that is gone. What is attached to `points` has
its name only while it is whole: one that was frozen may attach it at any time, knowing of no other.
"""

from string import Template

import sql
from connectors.sinks.clickhouse.store import Store

_KEY = """
    series_id     UInt64 CODEC(Delta, ZSTD(1)),
    ts            DateTime64(9, 'UTC') CODEC(GCD, Delta, T64('bit'), ZSTD(1)),"""
_POINT = """
    value         Nullable(Float64) CODEC(Delta(8), ZSTD(3)),
    text          String CODEC(ZSTD(1)),
    quality       UInt8 CODEC(ZSTD(1)),
    logical_uid   UInt32 CODEC(ZSTD(1)),
    version       UInt64 CODEC(Delta, T64, ZSTD(1)),
    codec         LowCardinality(String) CODEC(ZSTD(1))"""
_BEFORE = """
    before_value   Nullable(Float64) CODEC(Delta(8), ZSTD(3)),
    before_text    String CODEC(ZSTD(1)),
    before_quality UInt8 CODEC(ZSTD(1)),
    before_uid     UInt32 CODEC(ZSTD(1)),
    before_version UInt64 CODEC(Delta, T64, ZSTD(1))"""
_NAME = """
    series_id     UInt64,
    device        String,
    name          String,
    unit          String,
    source        String,
    first_seen    DateTime64(9, 'UTC'),"""
_NAMES = f"""({_NAME}
    version           UInt64,
    known             UInt8,
    before_unit       String,
    before_source     String,
    before_first_seen DateTime64(9, 'UTC'),
    before_version    UInt64
) ENGINE = ReplacingMergeTree(version) ORDER BY series_id"""

TABLES = {
    # staged points: the highest version of a key is what decoding gives
    "staged": f"({_KEY}{_POINT}) ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(ts) ORDER BY (series_id, ts)",
    # runs of raw offsets that are replayed; runs may overlap
    "selected": "(raw_partition UInt8, first UInt64, last UInt64) "
    "ENGINE = ReplacingMergeTree(last) ORDER BY (raw_partition, first)",
    # what staged series are called; told_by: offset and partition of the raw record, as in a row's version
    "series": f"({_NAME} told_by UInt64) ENGINE = ReplacingMergeTree ORDER BY (series_id, told_by)",
    # dead letters of staging; letter: JSON
    "letters": "(stage String, reason String, detail String, raw_partition Int32, raw_offset Int64, `index` Int32, "
    "correlation_id String, letter String) ENGINE = ReplacingMergeTree "
    "ORDER BY (stage, reason, raw_partition, raw_offset, `index`, correlation_id, xxHash64(detail))",
    # how far raw is staged, written after the rows that lead there; counts of what was between
    "checkpoint": "(ends Array(Tuple(UInt8, UInt64)), records UInt64, readings UInt64, ignored UInt64, foreign UInt64) "
    "ENGINE = ReplacingMergeTree ORDER BY ends",
    # months, series and times that can differ
    "reach": "(month UInt32, series_id UInt64, first DateTime64(9, 'UTC'), last DateTime64(9, 'UTC')) "
    "ENGINE = MergeTree ORDER BY (month, series_id)",
    # the difference, which is also the undo's journal
    "diff": f"(kind LowCardinality(String), {_KEY}{_POINT},{_BEFORE}) "
    "ENGINE = MergeTree PARTITION BY toYYYYMM(ts) ORDER BY (series_id, ts)",
    "summary": "(series_id UInt64, codec LowCardinality(String), day Date32, kind LowCardinality(String), points UInt64, "
    "numbers UInt64, total Float64, largest Float64) ENGINE = MergeTree ORDER BY (series_id, codec, day, kind)",
    # written last: the difference is complete
    "counts": "(kind String, points UInt64, mode String) ENGINE = MergeTree ORDER BY kind",
    # rows to write, and to write when it is undone: tables like `points`, or they could not be attached
    "delta": "AS points",
    "undo": "AS points",
    # while they are built, and while it is found out whether they have been attached
    "delta_next": "AS points",
    "delta_away": "AS points",
    "undo_next": "AS points",
    "undo_away": "AS points",
    # names to write, and what was before
    "names": _NAMES,
    "names_next": _NAMES,
    "undo_names": "AS series",
}
STAGED = ("staged", "series", "selected", "letters", "checkpoint")
"""what is staged; the checkpoint says how much"""
STAGING = ("checkpoint", "staged", "selected", "letters", "reach", "names_next", "delta_next", "delta_away")
"""of no use once a replay is applied"""


class Tables:
    """One replay's tables."""

    def __init__(self, store: Store, job: int) -> None:
        self.store, self.job = store, job

    def make(self, *tables: str) -> None:
        """Make them, where they are not there."""
        for table in tables:
            self.store.command(f"CREATE TABLE IF NOT EXISTS {self.name(table)} {TABLES[table]}")

    def remake(self, *tables: str) -> None:
        """Make them anew and empty."""
        self.drop(*tables)
        self.make(*tables)

    def drop(self, *tables: str) -> None:
        """Remove them, where they are there."""
        for table in tables:
            self.store.command(f"DROP TABLE IF EXISTS {self.name(table)}")

    def rename(self, table: str, to: str) -> None:
        """Give it another name, in place of the table that has that."""
        self.drop(to)
        self.store.command(f"RENAME TABLE {self.name(table)} TO {self.name(to)}")

    def have(self, *tables: str) -> bool:
        """Whether all of them are there."""
        names = ", ".join(f"'{self.name(table)}'" for table in tables)
        question = f"SELECT count() FROM system.tables WHERE database = currentDatabase() AND name IN ({names})"  # noqa: S608 - names made here
        return bool(self.store.rows(question)[0][0] == len(tables))

    def empty(self, table: str) -> bool:
        """Whether it holds no rows."""
        return not self.store.rows(f"SELECT 1 FROM {self.name(table)} LIMIT 1")  # noqa: S608 - a name made here

    def name(self, table: str) -> str:
        """Its name in the database."""
        return f"replay_{self.job}_{table}"

    def statement(self, query: str, **values: object) -> str:
        """A named query of this replay; see ``sql/queries/replay_*.sql``."""
        return Template(sql.query(f"replay_{query}")).substitute(job=self.job, **values)
