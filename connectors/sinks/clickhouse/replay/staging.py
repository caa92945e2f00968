"""What staging leaves: points, names, runs of selected records, dead letters, and the checkpoint that they lead to."""

from collections.abc import Mapping, Sequence
from itertools import repeat

import msgspec

from connectors.sinks.clickhouse.batch import columns
from connectors.sinks.clickhouse.replay.tables import Tables
from connectors.sinks.clickhouse.rows import RUN_POINTS, portions, run_rows
from connectors.sinks.clickhouse.table import Table
from streams.core.identity import row_version
from streams.core.records import DeadLetter
from streams.replay.runs import Runs
from streams.replay.store import SeriesName, Staged, Totals

TIME = "DateTime64(9, 'UTC')"
POINTS = {
    "series_id": "UInt64",
    "ts": TIME,
    "value": "Nullable(Float64)",
    "text": "String",
    "quality": "UInt8",
    "logical_uid": "UInt32",
    "version": "UInt64",
    "codec": "LowCardinality(String)",
}
NAMES = {
    "series_id": "UInt64",
    "device": "String",
    "name": "String",
    "unit": "String",
    "source": "String",
    "first_seen": TIME,
    "told_by": "UInt64",
}
LETTERS = {
    "stage": "String",
    "reason": "String",
    "detail": "String",
    "raw_partition": "Int32",
    "raw_offset": "Int64",
    "index": "Int32",
    "correlation_id": "String",
    "letter": "String",
}
SELECTED = {"raw_partition": "UInt8", "first": "UInt64", "last": "UInt64"}
CHECKPOINT = {
    "ends": "Array(Tuple(UInt8, UInt64))",
    "records": "UInt64",
    "readings": "UInt64",
    "ignored": "UInt64",
    "foreign": "UInt64",
}
MISSING_LETTERS = """
SELECT letter FROM {letters} FINAL
WHERE (stage, reason, raw_partition, raw_offset, `index`, correlation_id, detail) NOT IN
(
    SELECT stage, reason, raw_partition, raw_offset, `index`, correlation_id, detail FROM dead_letters
    WHERE (stage, reason, raw_partition, raw_offset) IN (SELECT stage, reason, raw_partition, raw_offset FROM {letters})
)
ORDER BY raw_partition, raw_offset, `index`
"""


def stage(tables: Tables, staged: Staged, checkpoint: Mapping[int, int]) -> None:
    """Keep everything, the checkpoint last: what comes after a checkpoint is staged again, with the same result.

    Raises:
        Transient: some may be kept; do it again.
    """
    _stage_runs(tables, staged)
    points = [getattr(staged, column) for column in POINTS]
    names = [(series, *_name(name)) for series, name in staged.names.items()]
    letters = [_letter(letter) for letter in staged.dead_letters]
    counts = (staged.records, staged.readings, staged.ignored, staged.foreign)
    for table, types, rows in (
        ("staged", POINTS, points),
        ("series", NAMES, columns(names)),
        ("selected", SELECTED, columns(list(staged.selected))),
        ("letters", LETTERS, columns(letters)),
        ("checkpoint", CHECKPOINT, columns([(sorted(checkpoint.items()), *counts)])),
    ):
        tables.store.insert(Table(tables.name(table), types), rows)


def checkpoint(tables: Tables) -> dict[int, int]:
    """Raw partition -> the offset from which to go on."""
    if not tables.have("checkpoint"):
        return {}
    ends = f"SELECT arrayJoin(ends) AS reached FROM {tables.name('checkpoint')}"  # noqa: S608 - a name made here
    found = tables.store.rows(f"SELECT reached.1, max(reached.2) FROM ({ends}) GROUP BY reached.1 ORDER BY reached.1")  # noqa: S608 - as above
    return dict(found)  # type: ignore[arg-type]  # rows are sequences of two


def totals(tables: Tables) -> Totals:
    """What all batches together held."""
    ask, name = tables.store.rows, tables.name
    counts = "sum(records), sum(readings), sum(ignored), sum(foreign)"
    records, readings, ignored, foreign = ask(f"SELECT {counts} FROM {name('checkpoint')} FINAL")[0]  # noqa: S608 - names made here
    points = ask(f"SELECT count() FROM {name('staged')} FINAL")[0][0]  # noqa: S608 - as above
    letters = ask(f"SELECT count() FROM {name('letters')} FINAL")[0][0]  # noqa: S608 - as above
    return Totals(
        records=records,
        selected=selected(tables).records,
        readings=readings,
        points=points,
        dead_letters=letters,
        ignored=ignored,
        foreign=foreign,
    )


def selected(tables: Tables) -> Runs:
    """The lineages of the records that are replayed."""
    question = f"SELECT raw_partition, first, last FROM {tables.name('selected')} FINAL ORDER BY raw_partition, first"  # noqa: S608 - a name made here
    return Runs((partition, first, last) for partition, first, last in tables.store.rows(question))


def dead_letters(tables: Tables) -> Sequence[DeadLetter]:
    """Dead letters of staging that table `dead_letters` does not hold."""
    if not tables.have("letters"):
        return []
    rows = tables.store.rows(MISSING_LETTERS.format(letters=tables.name("letters")))
    return [msgspec.json.decode(letter, type=DeadLetter) for (letter,) in rows]


def _stage_runs(tables: Tables, staged: Staged) -> None:
    table = Table(tables.name("staged"), RUN_POINTS.columns | {"codec": "String"})
    codecs = {id(run): codec for run, codec in staged.runs}
    for runs in portions([run for run, _ in staged.runs]):
        told = [codec for run in runs for codec in repeat(codecs[id(run)], len(run))]
        tables.store.insert(table, [*run_rows(runs), told])


def _name(name: SeriesName) -> tuple[object, ...]:
    told_by = row_version(0, name.partition, name.offset)
    return name.device, name.name, name.unit, name.source, name.first_seen, told_by


def _letter(letter: DeadLetter) -> tuple[object, ...]:
    key = (letter.stage, letter.reason, letter.detail, letter.raw_partition, letter.raw_offset, letter.index)
    return (*key, letter.correlation_id, msgspec.json.encode(letter).decode())
