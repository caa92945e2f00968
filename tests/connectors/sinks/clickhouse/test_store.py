"""What the store asks of ClickHouse's driver."""

from importlib import import_module

from clickhouse_connect.driver import options


def test_the_driver_does_not_import_pandas_to_look_whether_rows_are_a_dataframe() -> None:
    """It would do so at the first insert: 1 s of CPU in each process."""
    import_module("connectors.sinks.clickhouse.store")
    assert (options.pd, options.pd_time_test) == (None, None)
