"""The registry's tables against its compacted topics: the newest record of each device says all that the store must show.

Rows are in force that have the highest position (offset) of their device. A record that sink `clickhouse-log` has not
committed may be there, or the one before it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from connectors.sinks import message
from connectors.sinks.base import Record
from connectors.sinks.clickhouse.log_rows import LOGGED, Row
from connectors.sinks.dead_letters import place
from connectors.verify.compare import Difference, compared
from connectors.verify.scope import Scope
from streams import avro
from streams.scan import scan
from streams.settings import KafkaSettings

REMAINS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "device-mapping": lambda row: row["physical_uid"] == 0,  # the row of a deletion
    "signed-topics": lambda _: True,  # one that is removed keeps its retention
}
"""Whether a row may stand there of what the topic has no more: Kafka forgets deletions."""
TOPICS = ("device-mapping", "physical-devices", "logical-devices", "signed-topics")
Key = str | int


class Told(Struct):
    """What the newest record of something makes of the table."""

    record: Record
    rows: list[Row]


def read(settings: KafkaSettings, topic: str) -> tuple[dict[Key, Told], int]:
    """By what the rows begin with; and the offset behind the last record.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    found, end = dict[Key, Told](), 0
    for one in scan(settings, topic):
        record, end = message.record(one, settings.prefix), (one.offset() or 0) + 1
        if rows := _rows(topic, record):
            found[rows[0][0]] = Told(record, [row for row in rows if not _columns(topic, row).get("is_deleted")])
    return found, end


def stored(client: Client, topic: str) -> dict[Key, list[Row]]:
    """The rows in force, in their order."""
    table, found = LOGGED[topic].table, defaultdict[Key, list[Row]](list)
    formats = {"DateTime64": "int", "Tuple": "tuple"}
    question = f"SELECT {', '.join(f'`{c}`' for c in table.columns)} FROM {table.name} FINAL"  # noqa: S608
    for row in client.query(question, query_formats=formats).result_rows:
        found[row[0]].append(_comparable(row))
    return {key: _in_force(topic, rows) for key, rows in found.items()}


def takes(topic: str, scope: Scope) -> bool:
    """Whether the table can be compared: nothing of the registry was measured at a time."""
    return scope.start is scope.end is None and (scope.device is None or "device" in LOGGED[topic].table.columns)


def compare(
    topic: str,
    told: Mapping[Key, Told],
    found: Mapping[Key, list[Row]],
    committed: int,
    newer: range,
    scope: Scope,
    refused: Collection[str] = (),
) -> tuple[Difference, int]:
    """What differs, and how many records the sink has not committed.

    ``newer``: offsets that the topic got while it was compared; ``refused``: places of records that the sink refused.
    """
    behind = {key for key, one in told.items() if one.record.offset >= committed}
    aside = behind | {key for key, one in told.items() if place(one.record) in refused}
    aside |= {key for key, rows in found.items() if _columns(topic, rows[0])["position"] in newer}
    wanted = {key: one.rows for key, one in told.items() if one.rows and key not in aside}
    there = {k: rows for k, rows in found.items() if k not in aside and (k in told or not _remains(topic, rows))}
    mine, theirs = (_of(topic, rows, scope.device) for rows in (wanted, there))
    late = _of(topic, {key: told[key].rows for key in behind if told[key].rows}, scope.device)
    return compared(LOGGED[topic].table.name, mine, theirs), len(late)


def _rows(topic: str, record: Record) -> list[Row]:
    logged = LOGGED[topic]
    if record.value is None:
        return list(map(_comparable, logged.gone(record))) if logged.gone else []
    try:
        return list(map(_comparable, logged.rows(record, avro.decode(record.value, logged.kind))))
    except avro.AvroError:
        return []  # a dead letter of the sink


def _in_force(topic: str, rows: list[Row]) -> list[Row]:
    """Those of the newest record; a mapping's by their place in its history."""
    newest = max(_columns(topic, row)["position"] for row in rows)
    there = (row for row in rows if _columns(topic, row)["position"] == newest)
    return sorted(there, key=lambda row: int(_columns(topic, row).get("ordinal", 0)))


def _remains(topic: str, rows: list[Row]) -> bool:
    return topic in REMAINS and all(REMAINS[topic](_columns(topic, row)) for row in rows)


def _of(topic: str, tables: Mapping[Key, list[Row]], device: str | None) -> dict[Key, list[Row]]:
    """Those of the device, if one is meant."""
    return {k: rows for k, rows in tables.items() if device in (None, _columns(topic, rows[0]).get("device"))}


def _columns(topic: str, row: Row) -> dict[str, Any]:
    return dict(zip(LOGGED[topic].table.columns, row, strict=True))


def _comparable(value: Any) -> Any:
    """Lists are tuples; what is no number is like itself."""
    if isinstance(value, list | tuple):
        return tuple(map(_comparable, value))
    return "nan" if value != value else value  # noqa: PLR0124
