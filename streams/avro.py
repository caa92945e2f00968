"""Records <-> bytes: Avro single-object encoding (C3 01, CRC-64-AVRO fingerprint, body).

Source: Apache Avro specification, "Single-object encoding". The Confluent framing (00, 4-byte id, body) is recognised
when reading, with schemas from a directory of ``<id>.avsc`` files.
"""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

import schemas
from streams.core import records

MAGIC = b"\xc3\x01"

T = TypeVar("T", bound=msgspec.Struct)

TYPES: dict[str, type[msgspec.Struct]] = {
    "raw_record": records.RawRecord,
    "reading": records.Reading,
    "aggregate": records.Aggregate,
    "repair": records.Repair,
    "device_mapping": records.DeviceMapping,
    "generation": records.Generation,
    "dead_letter": records.DeadLetter,
    "device_event": records.DeviceEvent,
    "physical_device": records.PhysicalDevice,
    "logical_device": records.LogicalDevice,
    "source": records.Source,
    "codec": records.Codec,
    "rule": records.Rule,
    "user": records.User,
}
NAMES = {record_type: name for name, record_type in TYPES.items()}


class AvroError(ValueError):
    """Bytes that are no record of ours; ``reason`` is a dead letter's code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def encode(record: msgspec.Struct) -> bytes:
    """The record in its latest released schema."""
    head, schema = _writer(type(record))
    out = BytesIO()
    out.write(head)
    schemaless_writer(out, schema, msgspec.to_builtins(record, builtin_types=(bytes,)))
    return out.getvalue()


def decode(data: bytes, kind: type[T], confluent: Mapping[int, dict[str, Any]] | None = None) -> T:
    """The record that ``data`` holds, read in the latest schema of ``kind``.

    Raises:
        AvroError: no framing of ours, an unknown schema, another record, or a broken body.
    """
    return msgspec.convert(_body(data, kind, confluent or {}), kind)


def decode_any(data: bytes) -> msgspec.Struct:
    """The record that ``data`` holds, of whichever kind its fingerprint says."""
    found = _released().get(bytes(data[2:10]))
    if data[:2] != MAGIC or found is None:
        raise AvroError("unknown-schema", data[:10].hex())
    return decode(data, TYPES[found[0]])


def confluent_schemas(directory: Path | None) -> dict[int, Any]:
    """The schemas of ``<id>.avsc`` files, by id; none without a directory."""
    paths = [] if directory is None else sorted(directory.glob("*.avsc"))
    return {int(path.stem): parse_schema(msgspec.json.decode(path.read_bytes()), _write_hint=False) for path in paths}


def header(schema: dict[str, Any]) -> bytes:
    """The ten bytes in front of every value written with ``schema``."""
    print_hex = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return MAGIC + bytes.fromhex(print_hex)


def _body(data: bytes, kind: type[msgspec.Struct], confluent: Mapping[int, dict[str, Any]]) -> Any:
    writer, start = _writer_schema(data, kind, confluent)
    reader = _writer(kind)[1]
    stream = BytesIO(data)
    stream.seek(start)
    try:
        return schemaless_reader(stream, writer, None if writer is reader else reader)
    except (EOFError, ValueError, IndexError, KeyError, TypeError) as error:
        raise AvroError("broken-body", str(error)) from error


def _writer_schema(data: bytes, kind: type[msgspec.Struct], confluent: Mapping[int, Any]) -> tuple[Any, int]:
    if data[:2] == MAGIC:
        found = _released().get(bytes(data[2:10]))
        if found is None:
            raise AvroError("unknown-schema", f"fingerprint {data[2:10].hex()}")
        if found[0] != NAMES[kind]:
            raise AvroError("wrong-record", f"expected {NAMES[kind]}, found {found[0]}")
        return found[1], 10
    if data[:1] == b"\x00" and len(data) > 5:
        number = int.from_bytes(data[1:5], "big")
        if number not in confluent:
            raise AvroError("unknown-schema", f"Confluent schema {number}: set kafka.schema_directory")
        return confluent[number], 5
    raise AvroError("not-avro", f"starts with {data[:2].hex() or 'nothing'}")


@cache
def _writer(kind: type[msgspec.Struct]) -> tuple[bytes, Any]:
    name = NAMES[kind]
    head = header(schemas.versions(name)[-1])
    return head, _released()[head[2:]][1]


@cache
def _released() -> dict[bytes, tuple[str, Any]]:
    every = [(name, schema) for name in schemas.names() for schema in schemas.versions(name)]
    return {header(schema)[2:]: (name, parse_schema(schema, _write_hint=False)) for name, schema in every}
