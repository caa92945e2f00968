"""ClickHouse: the store. Sink `clickhouse` for readings and aggregates, `clickhouse-log` for what happened around them."""

from connectors.sinks.base import Sink
from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sinks.clickhouse.sink import ClickHouseSink
from streams.settings import Settings


def make(settings: Settings) -> Sink:
    """Points, names, aggregates, repairs, rollups, latest points; topics readings and aggregates."""
    return ClickHouseSink(settings)


def make_log(settings: Settings) -> Sink:
    """Raw messages, dead letters, devices and mappings, as their topics tell them."""
    return LogSink(settings)
