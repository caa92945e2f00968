"""Whether a table still is what its rows were made for."""

from connectors.sinks.clickhouse.table import Table, unfit

ROWS = Table(
    "t", {"id": "UInt64", "value": "Nullable(Float64)", "name": "LowCardinality(String)", "at": "DateTime64(9, 'UTC')"}
)
MADE = {"id": "UInt64", "value": "Nullable(Float64)", "name": "String", "at": "DateTime64(9, 'UTC')", "more": "UInt8"}


def test_a_table_as_it_was_made_fits_however_it_stores_names() -> None:
    assert unfit(ROWS, MADE) is None
    assert unfit(ROWS, MADE | {"name": "LowCardinality(String)"}) is None


def test_numbers_that_are_never_null_fit_a_column_that_may_be() -> None:
    assert unfit(Table("t", {"value": "Float64"}), MADE) is None


def test_tuples_fit_however_their_type_is_written() -> None:
    pauses = Table("t", {"pauses": "Array(Tuple(start UInt8, end Nullable(UInt8)))"})
    assert unfit(pauses, {"pauses": "Array(Tuple(\n    `start` UInt8,\n    `end` Nullable(UInt8)))"}) is None


def test_a_column_that_was_altered_or_dropped_is_named() -> None:
    assert unfit(ROWS, MADE | {"value": "Float64"}) == "column value of table t is Float64, not Nullable(Float64)"
    assert unfit(ROWS, MADE | {"at": "DateTime64(3, 'UTC')"}) == (
        "column at of table t is DateTime64(3, 'UTC'), not DateTime64(9, 'UTC')"
    )
    assert unfit(ROWS, {"id": "UInt64"}) == "table t has no column value"
