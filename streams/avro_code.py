"""An Avro schema -> two Python functions that write and read its records, two to four times as fast as a walk over it.

Each type of the schema becomes a few statements of Python source, as ``dataclasses`` does for ``__init__``. The bytes are
plain Avro: ``tests/streams/test_avro.py`` holds them against fastavro. Covered is what our schemas use: string, bytes,
int, long, double, boolean, record, array, map, and the union of null with one of these.

Source: Apache Avro specification, "Binary encoding".
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from struct import Struct as Layout
from textwrap import indent
from typing import Any

import msgspec

Write = Callable[[Any], bytes]
Read = Callable[[bytes, int], Any]

_DOUBLE = Layout("<d")


def compile_writer(schema: dict[str, Any], types: Mapping[str, type[msgspec.Struct]]) -> Write:
    """A function of a record that gives its body; ``types`` holds the class of each record by its name.

    The function raises AttributeError, TypeError or OverflowError for what the schema cannot hold.
    """
    source = f"def write(record):\n    return {_written(schema, 'record', types)}\n"
    write: Write = _made(source, "write", {"text": _text, "long": _long, "many": _many, "double": _DOUBLE.pack})
    return write


def compile_reader(schema: dict[str, Any], types: Mapping[str, type[msgspec.Struct]]) -> Read:
    """A function of bytes and the body's start that gives the record; no byte may be left.

    The function raises IndexError, ValueError or struct.error for a broken body.
    """
    body = indent("\n".join(_read(schema, "record", types)), "    ")
    end = "    if at != len(data):\n        raise ValueError('the body ends elsewhere')\n    return record\n"
    helpers = {"long_at": _long_at, "length_at": _length_at, "double_at": _DOUBLE.unpack_from, "intern": sys.intern}
    read: Read = _made(f"def read(data, at):\n{body}\n{end}", "read", {**helpers, **types})
    return read


def _made(source: str, name: str, names: dict[str, Any]) -> Any:
    exec(source, names)  # noqa: S102 - the source is made from our own schemas, above
    return names[name]


def _written(schema: Any, value: str, types: Mapping[str, type[msgspec.Struct]]) -> str:
    """An expression for the bytes of ``value``."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, list):
        return f"(b'\\0' if {value} is None else b'\\2' + {_written(schema[1], value, types)})"
    if kind == "record":
        parts = [_written(field, f"{value}.{name}", types) for field, name in _fields(schema, types)]
        return f"b''.join(({', '.join(parts)},))"
    if kind == "array":
        item = f"i{len(value)}"
        return f"many([{_written(schema['items'], item, types)} for {item} in {value}])"
    if kind == "map":
        item = f"i{len(value)}"
        return f"many([text(key) + {_written(schema['values'], item, types)} for key, {item} in {value}.items()])"
    if isinstance(kind, (dict, list)):
        return _written(kind, value, types)
    return _PRIMITIVES[kind].format(value=value)


_PRIMITIVES = {
    "string": "text({value})",
    "bytes": "long(len({value})) + {value}",
    "int": "long({value})",
    "long": "long({value})",
    "double": "double({value})",
    "boolean": "(b'\\1' if {value} else b'\\0')",
}


def _read(schema: Any, target: str, types: Mapping[str, type[msgspec.Struct]]) -> Iterator[str]:
    """Statements that read ``target`` from ``data`` at ``at`` and move ``at`` behind it."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, list):
        yield from ("n = data[at]; at += 1", "if n == 0:", f"    {target} = None", "elif n == 2:")
        yield from (f"    {line}" for line in _read(schema[1], target, types))
        yield from ("else:", "    raise ValueError('no such branch of a union')")
    elif kind == "record":
        fields = list(_fields(schema, types))
        for number, (field, _) in enumerate(fields):
            yield from _read(field, f"{target}_{number}", types)
        arguments = ", ".join(f"{name}={target}_{number}" for number, (_, name) in enumerate(fields))
        yield f"{target} = {schema['name']}({arguments})"
    elif kind in ("array", "map"):
        yield from _read_many(schema, kind, target, types)
    elif isinstance(kind, (dict, list)):
        yield from _read(kind, target, types)
    else:
        yield from (line.format(target=target) for line in _READ[kind])


def _read_many(schema: Any, kind: str, target: str, types: Mapping[str, type[msgspec.Struct]]) -> Iterator[str]:
    count = f"{target}_n"
    yield from (
        f"{target} = {'[]' if kind == 'array' else '{}'}",
        f"{count}, at = long_at(data, at)",
        f"while {count}:",
    )
    yield from (f"    if {count} < 0:", f"        {count} = -{count}; _, at = long_at(data, at)")
    yield f"    for _ in range({count}):"
    if kind == "array":
        yield from (f"        {line}" for line in _read(schema["items"], f"{target}_i", types))
        yield f"        {target}.append({target}_i)"
    else:
        yield from (f"        {line}" for line in _read("string", f"{target}_k", types))
        yield from (f"        {line}" for line in _read(schema["values"], f"{target}_i", types))
        # Keys are few and come again and again: one copy of each is enough.
        yield f"        {target}[intern({target}_k)] = {target}_i"
    yield f"    {count}, at = long_at(data, at)"


_TO_END = ("n = data[at]; at += 1", "if n & 129:", "    n, at = length_at(data, at - 1)", "end = at + (n >> 1)")
_NUMBER = (
    "n = data[at]; at += 1",
    "if n & 128:",
    "    {target}, at = long_at(data, at - 1)",
    "else:",
    "    {target} = n >> 1 ^ -(n & 1)",
)
_READ = {
    "string": (*_TO_END, "{target} = str(data[at:end], 'utf-8'); at = end"),
    "bytes": (*_TO_END, "{target} = data[at:end]; at = end"),
    "int": _NUMBER,
    "long": _NUMBER,
    "double": ("{target} = double_at(data, at)[0]; at += 8",),
    "boolean": ("{target} = data[at] == 1; at += 1",),
}


def _fields(schema: dict[str, Any], types: Mapping[str, type[msgspec.Struct]]) -> Iterator[tuple[Any, str]]:
    """The fields' schemas and the attributes that hold them."""
    attributes = {field.encode_name: field.name for field in msgspec.structs.fields(types[schema["name"]])}
    return ((field["type"], attributes[field["name"]]) for field in schema["fields"])


def _text(text: str) -> bytes:
    data = text.encode()
    return _long(len(data)) + data


def _many(items: list[bytes]) -> bytes:
    return _long(len(items)) + b"".join(items) + b"\0" if items else b"\0"


@lru_cache(maxsize=16_384)
def _long(number: int) -> bytes:
    if not -(2**63) <= number < 2**63:
        raise OverflowError(f"{number} is no 64-bit integer")
    rest, out = number << 1 ^ number >> 63, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _long_at(data: bytes, at: int) -> tuple[int, int]:
    # Nine bytes are a time of today: what follows it stays out of the cache's key. Ten are the longest.
    number, used = _first_long(data[at : at + 9])
    if not used:
        number, used = _first_long(data[at : at + 10])
    if not used:
        raise ValueError("an integer has more than 64 bits")
    return number, at + used


@lru_cache(maxsize=16_384)
def _first_long(data: bytes) -> tuple[int, int]:
    """The number and its length in bytes; length 0: it does not end here."""
    number = 0
    for place, byte in enumerate(data):
        number |= (byte & 127) << 7 * place
        if byte < 128 and number < 2**64:
            return number >> 1 ^ -(number & 1), place + 1
    return 0, 0


def _length_at(data: bytes, at: int) -> tuple[int, int]:
    """A length, doubled as it stands in a single byte."""
    number, at = _long_at(data, at)
    if number < 0:
        raise ValueError("a length is negative")
    return number * 2, at
