"""Records <-> bytes: Avro single-object encoding (C3 01, CRC-64-AVRO fingerprint, body).

Source: Apache Avro specification, "Single-object encoding". The latest version of a record is written and read by
compiled functions; older ones are read by fastavro, which resolves them to the latest. The Confluent framing (00, 4-byte
id, body) is recognised when reading, with schemas from a directory of ``<id>.avsc`` files.
"""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint, to_parsing_canonical_form

import schemas
from streams.avro_code import Read, Write, compile_reader, compile_writer
from streams.core import records
from streams.core.codec_record import Codec
from streams.core.cursor_record import Cursor
from streams.core.memory import Remembered
from streams.core.registry_records import DeviceNote, RegistryChange, Request
from streams.core.replay_record import Replay
from streams.core.signed_topic import SignedField, SignedKey, SignedTopic
from streams.core.user_record import Token, User

MAGIC = b"\xc3\x01"

T = TypeVar("T", bound=msgspec.Struct)

TYPES: dict[str, type[msgspec.Struct]] = {
    "raw_record": records.RawRecord,
    "remembered": Remembered,
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
    "codec": Codec,
    "rule": records.Rule,
    "user": User,
    "replay": Replay,
    "cursor": Cursor,
    "signed_topic": SignedTopic,
    "device_note": DeviceNote,
    "registry_change": RegistryChange,
    "request": Request,
}
NAMES = {record_type: name for name, record_type in TYPES.items()}
OTHERS = (
    Codec, Cursor, DeviceNote, RegistryChange, Remembered, Replay, Request, SignedField, SignedKey, SignedTopic,
    Token, User,
)  # fmt: skip
"""Records that are not of ``core.records``."""
CLASSES = {
    name: kind
    for name, kind in (vars(records) | {kind.__name__: kind for kind in OTHERS}).items()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
}
"""Every record of ours, nested ones too, by its name in the schemas."""


class AvroError(ValueError):
    """Bytes that are no record of ours; ``reason`` is a dead letter's code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def encode(record: msgspec.Struct) -> bytes:
    """The record in its latest released schema.

    Raises:
        OverflowError: an integer has more than 64 bits.
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    head, write, _ = _latest(type(record))
    return head + write(record)


def decode(data: bytes, kind: type[T], confluent: Mapping[int, dict[str, Any]] | None = None) -> T:
    """The record that ``data`` holds, read in the latest schema of ``kind``.

    Raises:
        AvroError: no framing of ours, an unknown schema, another record, or a broken body.
    """
    head, _, read = _latest(kind)
    try:
        if data[:10] == head:
            record: T = read(data, 10)
            return record
        return _resolved(data, kind, confluent or {})
    except AvroError:
        raise
    except Exception as error:  # any bytes may come, and fastavro does not say what it raises
        raise AvroError("broken-body", repr(error)) from error


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


def _resolved(data: bytes, kind: type[T], confluent: Mapping[int, dict[str, Any]]) -> T:
    """Written in another version, or framed by others: read as the latest version by Avro's rules of resolution."""
    writer, start = _writer_schema(data, kind, confluent)
    reader = _released()[_latest(kind)[0][2:]][1]
    stream = BytesIO(data)
    stream.seek(start)
    return msgspec.convert(schemaless_reader(stream, writer, reader), kind)


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
def _latest(kind: type[msgspec.Struct]) -> tuple[bytes, Write, Read]:
    """Header, writer and reader of the latest released schema."""
    schema = schemas.versions(NAMES[kind])[-1]
    return header(schema), compile_writer(schema, CLASSES), compile_reader(schema, CLASSES)


@cache
def _released() -> dict[bytes, tuple[str, Any]]:
    every = [(name, schema) for name in schemas.names() for schema in schemas.versions(name)]
    return {header(schema)[2:]: (name, parse_schema(schema, _write_hint=False)) for name, schema in every}
