"""Sink `clickhouse-log`: raw messages, dead letters and the registry, as their topics tell them."""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from connectors.sinks.base import Record, Rejection
from connectors.sinks.clickhouse.batch import Item, bisected, columns, decoded
from connectors.sinks.clickhouse.log_rows import LOGGED, Logged
from connectors.sinks.clickhouse.store import Store
from streams import avro
from streams.settings import Settings


class LogSink:
    """Implements ``connectors.sinks.base.Sink``."""

    name = "clickhouse-log"
    topics = tuple(LOGGED)

    def __init__(self, settings: Settings) -> None:
        self.batch_records = settings.clickhouse.batch_rows
        self.batch_s = settings.clickhouse.batch_s
        self._confluent = avro.confluent_schemas(settings.kafka.schema_directory)
        self._store = Store(settings.clickhouse, self.name)

    def write(self, batch: Sequence[Record]) -> Sequence[Rejection]:
        """Insert each topic's records into its table."""
        items, rejections = decoded(batch, self._value)
        for topic, logged in LOGGED.items():
            of_topic = [item for item in items if item.record.topic == topic]
            rejections += bisected(of_topic, partial(self._insert, logged))
        return rejections

    def close(self) -> None:
        """Let the connection go."""
        self._store.close()

    def _value(self, record: Record) -> Struct | None:
        logged = LOGGED[record.topic]
        if record.value is not None:
            return avro.decode(record.value, logged.kind, self._confluent)
        if logged.gone is None:
            raise avro.AvroError("no-value", "a deletion where none is expected")
        return None

    def _insert(self, logged: Logged, items: Sequence[Item]) -> list[Rejection]:
        rows = [row for item in items for row in _rows(logged, item)]
        if rows:
            self._store.insert(logged.table, columns(rows))
        return []


def _rows(logged: Logged, item: Item) -> list[tuple[object, ...]]:
    if item.value is None and logged.gone is not None:
        return logged.gone(item.record)
    return logged.rows(item.record, item.value)
