"""Records and their bytes, held against fastavro and the Avro specification."""

import json
from contextlib import suppress
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from streams import avro
from streams.core.records import DeadLetter, RawRecord, Reading, Repair

NAMES = sorted(avro.TYPES)
LONG = st.integers(-(2**63), 2**63 - 1)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=80),
    "bytes": st.binary(max_size=80),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": LONG | st.integers(-200, 200),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
}
RAW = RawRecord(id="i", source="ttn", transport="http", address="/x", received_at=5, payload=b"abc")


def builtins_of(schema: Any) -> st.SearchStrategy[Any]:
    """Anything that the schema holds, as fastavro takes it."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, list):
        return st.one_of(*(st.none() if branch == "null" else builtins_of(branch) for branch in schema))
    if kind == "record":
        return st.fixed_dictionaries({field["name"]: builtins_of(field["type"]) for field in schema["fields"]})
    if kind == "array":
        return st.lists(builtins_of(schema["items"]), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), builtins_of(schema["values"]), max_size=3)
    return PRIMITIVES[kind] if isinstance(kind, str) else builtins_of(kind)


def parsed(schema: dict[str, Any]) -> dict[str, Any]:
    done = parse_schema(schema, _write_hint=False)
    assert isinstance(done, dict)
    return done


def written_by_fastavro(schema: dict[str, Any], value: Any) -> bytes:
    out = BytesIO()
    schemaless_writer(out, parsed(schema), value)
    return avro.header(schema) + out.getvalue()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_writes_what_fastavro_writes_and_reads_it_back(name: str, data: st.DataObject) -> None:
    schema = schemas.versions(name)[-1]
    value = data.draw(builtins_of(schema))
    record = msgspec.convert(value, avro.TYPES[name])
    encoded = avro.encode(record)

    assert encoded == written_by_fastavro(schema, value)
    assert avro.decode(encoded, avro.TYPES[name]) == record
    assert avro.decode_any(encoded) == record


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_raises_nothing_but_avro_error_for_broken_bodies(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    schema = schemas.versions(name)[-1]
    whole = written_by_fastavro(schema, data.draw(builtins_of(schema)))
    start, end = sorted((data.draw(st.integers(10, len(whole))), data.draw(st.integers(10, len(whole)))))
    broken = whole[:start] + data.draw(st.binary(max_size=12)) + whole[end:]

    for framed in (broken, b"\0\0\0\0\7" + broken[10:]):
        with suppress(avro.AvroError):
            avro.decode(framed, avro.TYPES[name], {7: parsed(schema)})


@pytest.mark.parametrize("name", NAMES)
def test_knows_every_truncation(name: str) -> None:
    schema = schemas.versions(name)[-1]
    whole = written_by_fastavro(schema, smallest(schema))

    for end in range(10, len(whole)):
        with pytest.raises(avro.AvroError, match="broken-body"):
            avro.decode(whole[:end], avro.TYPES[name])
    with pytest.raises(avro.AvroError, match="broken-body"):
        avro.decode(whole + b"\0", avro.TYPES[name])


def smallest(schema: Any) -> Any:
    """One element of each array and map, no nulls, so that every field has bytes."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, list):
        return smallest(schema[1])
    if kind == "record":
        return {field["name"]: smallest(field["type"]) for field in schema["fields"]}
    if kind == "array":
        return [smallest(schema["items"])]
    if kind == "map":
        return {"k": smallest(schema["values"])}
    values = {"string": "text", "bytes": b"bytes", "int": 1_000, "long": 2**40, "double": 1.5, "boolean": True}
    return values[kind] if isinstance(kind, str) else smallest(kind)


@pytest.mark.parametrize("name", NAMES)
def test_holds_structs_to_their_schemas(name: str) -> None:
    def compare(schema: Any) -> None:
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(schema, list):
            compare(schema[1])
        elif kind == "record":
            struct = avro.CLASSES[schema["name"]]
            named = [field.encode_name for field in msgspec.structs.fields(struct)]
            declared = [field["name"] for field in schema["fields"]]
            assert sorted(named) == sorted(declared)
            for field in schema["fields"]:
                compare(field["type"])
        elif isinstance(schema, dict):
            compare(schema.get("items") or schema.get("values") or "string")

    compare(schemas.versions(name)[-1])


@pytest.mark.parametrize("name", NAMES)
def test_gives_every_optional_field_a_default_so_that_a_later_version_may_drop_it(name: str) -> None:
    def optional(schema: Any) -> list[dict[str, Any]]:
        if isinstance(schema, list):
            return [field for branch in schema for field in optional(branch)]
        if not isinstance(schema, dict):
            return []
        fields = schema.get("fields", [])
        deeper = [schema.get("items"), schema.get("values"), *(field["type"] for field in fields)]
        here = [field for field in fields if isinstance(field["type"], list)]
        return here + [field for part in deeper for field in optional(part)]

    assert all(field.get("default", "none") is None for field in optional(schemas.versions(name)[0]))


def test_gives_every_schema_a_record_and_every_record_a_schema() -> None:
    assert set(schemas.names()) == set(avro.TYPES)


def test_makes_the_specifications_fingerprint() -> None:
    assert avro.header({"type": "int"}).hex() == "c301" + "8f5c393f1ad57572"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not-avro"),
        (b"{}", "not-avro"),
        (b"\xc3\x01", "unknown-schema"),
        (b"\xc3\x01" + b"\xff" * 20, "unknown-schema"),
        (b"\0\0\0\0\7abc", "unknown-schema"),
        (b"\0\0\0\0", "not-avro"),
        (avro.encode(RAW)[:10] + b"\xff" * 30, "broken-body"),
        (avro.encode(Repair(device="d", name="n", unit="", window=60, start=0, label=1, generation=1)), "wrong-record"),
    ],
)
def test_says_why_bytes_are_no_record(data: bytes, reason: str) -> None:
    with pytest.raises(avro.AvroError) as raised:
        avro.decode(data, RawRecord)
    assert raised.value.reason == reason


def test_reads_the_confluent_framing_with_a_known_schema() -> None:
    schema = parsed(schemas.versions("raw_record")[-1])

    assert avro.decode(b"\0\0\0\0\7" + avro.encode(RAW)[10:], RawRecord, {7: schema}) == RAW


def test_refuses_what_the_schema_cannot_hold() -> None:
    with pytest.raises(OverflowError):
        avro.encode(msgspec.structs.replace(RAW, received_at=2**63))
    with pytest.raises(UnicodeEncodeError):
        avro.encode(msgspec.structs.replace(RAW, address="\ud800"))


class NextDeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A version 2: ``body`` is gone, ``severity`` has come, with a default."""

    stage: str
    reason: str
    detail: str
    raw_partition: int
    raw_offset: int
    index: int = 0
    source: str = ""
    device: str | None = None
    decoder: str = ""
    at: int
    correlation_id: str = ""
    severity: int = 3


def next_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(json.dumps(schemas.versions("dead_letter")[0]))
    kept = [field for field in schema["fields"] if field["name"] != "body"]
    return schema | {"fields": [*kept, {"name": "severity", "type": "int", "default": 3}]}


OLD = DeadLetter(
    stage="open", reason="bad-json", detail="", raw_partition=1, raw_offset=2, at=5, body="file:x", device="d"
)
NEW = NextDeadLetter(stage="open", reason="bad-json", detail="", raw_partition=1, raw_offset=2, at=5, device="d")


def test_reads_version_1_when_version_2_is_released_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = avro.encode(OLD)
    released = (schemas.versions("dead_letter")[0], next_schema())
    every = {name: schemas.versions(name) for name in schemas.names()} | {"dead_letter": released}
    monkeypatch.setattr(schemas, "versions", every.__getitem__)
    monkeypatch.setitem(avro.TYPES, "dead_letter", NextDeadLetter)
    names: dict[type[msgspec.Struct], str] = {**avro.NAMES, NextDeadLetter: "dead_letter"}
    monkeypatch.setattr(avro, "NAMES", names)
    monkeypatch.setitem(avro.CLASSES, "DeadLetter", NextDeadLetter)
    for cached in (avro._latest, avro._released):
        monkeypatch.setattr(avro, cached.__name__, cached.__wrapped__)

    assert avro.decode(written, NextDeadLetter) == NEW
    assert avro.decode(avro.encode(NEW), NextDeadLetter) == NEW
    assert avro.encode(NEW)[:10] != written[:10]


def test_reads_a_reading_of_version_1_whose_blocks_had_no_offsets() -> None:
    first = schemas.versions("reading")[0]
    told = smallest(first)
    read = avro.decode(written_by_fastavro(first, told), Reading)

    assert [(b.values, b.offsets, b.quality) for b in read.blocks] == [(b"bytes", b"", 1_000)]


def test_reads_version_2_in_code_of_version_1_once_it_has_its_schema() -> None:
    body = written_by_fastavro(next_schema(), msgspec.to_builtins(NEW) | {"severity": 1})[10:]
    read = avro.decode(b"\0\0\0\0\7" + body, DeadLetter, {7: parsed(next_schema())})

    assert read == msgspec.structs.replace(OLD, body=None)
