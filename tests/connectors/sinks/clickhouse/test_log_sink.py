"""What sink `clickhouse-log` takes."""

import json
from pathlib import Path
from typing import Any

import schemas
from connectors.sinks.base import Record
from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sinks.clickhouse.table import Table
from streams import avro
from streams.core.records import RawRecord
from streams.settings import Settings
from tests.contracts.raw_writer import record as raw


class Store:
    """Keeps what is inserted."""

    def __init__(self) -> None:
        self.columns: list[list[Any]] = []

    def insert(self, _: Table, columns: list[list[Any]]) -> None:
        self.columns = columns


def test_a_raw_record_in_the_framing_of_others_is_stored_as_it_is_decoded(tmp_path: Path) -> None:
    """Its points were there, and its message was not: it had become a dead letter of this sink."""
    (tmp_path / "7.avsc").write_text(json.dumps(schemas.versions(avro.NAMES[RawRecord])[-1]))
    sink = LogSink(Settings(kafka={"schema_directory": str(tmp_path)}))
    sink._store = store = Store()  # type: ignore[assignment]
    framed = b"\0" + (7).to_bytes(4, "big") + avro.encode(raw(b"body"))[10:]

    assert sink.write([Record("raw", 3, 12, b"k", framed, 0)]) == []

    assert [column[0] for column in store.columns][:2] == [3, 12]
    assert store.columns[-1] == [b"body"]
