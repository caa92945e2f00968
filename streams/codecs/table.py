"""Payload layouts declared as data, language ``table``: a TOML or JSON text instead of a program.

A declaration is a list of layouts; the first that suits port, length and first bytes reads the payload. A layout is any of

- ``fields`` at fixed places,
- ``records``: a tag, then its fields, over and over to the payload's end,
- ``flags``: a word whose bits, from the lowest up, say which sections follow.

A complete example::

    version = 1
    endian = "big"                                  # or "little"; the default is big

    [[layouts]]
    ports = [2]                                     # none: any port
    min_length = 5                                  # also max_length, and starts = "0a1b" for the first bytes
    fields = [
        {name = "temperature", type = "i16", divide = 10, unit = "°C", invalid = [-32768]},
        {name = "battery", type = "u8", add = 2, multiply = 0.01, unit = "V"},
        {name = "mode", type = "u8", bits = [4, 4], text = {0 = "idle", 1 = "running"}},
        {name = "alarm", at = 3, type = "u8", bits = [0, 1]},
        {name = "serial", type = "hex", size = 1},
        {name = "counter", type = "u16", optional = true},
    ]

    [[layouts]]
    ports = [3]
    [layouts.records]
    tags.0167 = [{name = "temperature", type = "i16", divide = 10, unit = "°C"}]
    tags.20ce = [{name = "then", type = "time"}, {name = "temperature", type = "i16", divide = 10, unit = "°C"}]
    unknown = "reject"                              # or "stop": what was read until there counts

    [[layouts]]
    ports = [4]
    fields = [{name = "device", type = "u16"}]
    [layouts.flags]
    type = "u16"
    sections = [[{name = "level", type = "u16", shift = -32768}], [{name = "battery", type = "u16", divide = 1000}]]

Field: ``type`` is one of u8 … u64, i8 … i64 (also 24 bits wide), f32, f64, hex with its ``size`` in bytes, or time: 32 bits of
seconds since 1970, which are no value but the time of the part's values. ``at`` counts from where the part begins, by
default a field follows the one before. A number becomes
``(raw + shift) * multiply / divide + add``, raw being the ``bits = [lowest, how many]`` of an unsigned one. ``text`` names
numbers, those without a name become their digits. An ``invalid`` raw number and an ``optional`` field beyond the end are
left out; of a name that comes twice the last counts.
"""

import tomllib
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from streams.codecs.table_plan import Field, Plan, Reader, plan
from streams.core.codec import Answer, Call, Decoded
from streams.core.message import Rejected, Value
from streams.core.payload import detail

LANGUAGE = "table"
PAYLOAD_LIMIT = 4_096
"""bytes; no radio carries more, and what comes of a payload stays small"""


class Records(Struct, frozen=True, forbid_unknown_fields=True):
    """Parts behind tags, which are hexadecimal and all of one length."""

    tags: dict[str, list[Field]]
    unknown: str = "reject"


class Flags(Struct, frozen=True, forbid_unknown_fields=True):
    """Parts that a word announces."""

    sections: list[list[Field]]
    type: str = "u16"


class Layout(Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind of payload is laid out: fields first, then flags with their sections, then records."""

    ports: Sequence[int] = ()
    min_length: int = 0
    max_length: int = PAYLOAD_LIMIT
    starts: str = ""
    fields: Sequence[Field] = ()
    flags: Flags | None = None
    records: Records | None = None


class Declaration(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole text."""

    layouts: list[Layout]
    version: int = 1
    endian: str = "big"


class _Fault(Exception):
    """A payload that cannot be read; the message's first word is the reason."""


class _Read(Struct, frozen=True):
    """A layout, compiled."""

    declared: Layout
    starts: bytes
    fields: Plan
    flags: Reader | None
    sections: Sequence[Plan]
    tags: Mapping[bytes, Plan]
    tag_size: int


class Table:
    """A codec made of a declaration."""

    def __init__(self, declared: Declaration, name: str, version: str) -> None:
        self.name, self.label = name, f"{name}@{version or declared.version}"
        self._layouts = [_compiled(layout, declared.endian) for layout in declared.layouts]

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """One answer per call; rejected as ``no-layout``, ``truncated``, ``unknown-type`` or ``too-long``."""
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Answer:
        payload = call.payload
        if len(payload) > PAYLOAD_LIMIT:
            return Rejected("codec", "too-long", f"{len(payload)} bytes", call.sender.device)
        layout = next((known for known in self._layouts if _suits(known, payload, call.port)), None)
        if layout is None:
            where = f"port {call.port}, {len(payload)} byte(s)"
            return Rejected("codec", "no-layout", where, call.sender.device)
        values: list[Value] = []
        try:
            ended = _read(layout, payload, call.time, values)
        except _Fault as fault:
            reason, _, about = str(fault).partition(" ")
            return Rejected("codec", reason, about, call.sender.device)
        return values if ended is None else Decoded(values, [ended])


def load(code: str, name: str, version: str = "") -> Table:
    """The codec of a declaration in TOML, or JSON when it begins with a brace.

    Args:
        code: the declaration.
        name: the codec's name.
        version: what its label says after the name, such as a hash of the code; default: the declaration's own.

    Raises:
        ValueError: what is wrong with it, in one sentence.
    """
    try:
        tree = msgspec.json.decode(code) if code.lstrip().startswith("{") else tomllib.loads(code)
        declared = msgspec.convert(tree, Declaration)
        if not declared.layouts:
            raise ValueError("there are no layouts")
        return Table(declared, name, version)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"declaration of a table: {detail(error)}") from None


def _compiled(layout: Layout, endian: str) -> _Read:
    if endian not in ("big", "little"):
        raise ValueError(f"endian is big or little, not {endian!r}")
    records, flags = layout.records, layout.flags
    if not layout.fields and flags is None and records is None:
        raise ValueError("a layout needs fields, flags or records")
    if records and records.unknown not in ("reject", "stop"):
        raise ValueError(f"unknown is reject or stop, not {records.unknown!r}")
    tags = {bytes.fromhex(tag): plan(fields, endian) for tag, fields in (records.tags if records else {}).items()}
    sizes = {len(tag) for tag in tags}
    if records and (len(sizes) != 1 or 0 in sizes):
        raise ValueError("the tags of records are hexadecimal, at least one, and of one length")
    if flags and not flags.type.startswith("u"):
        raise ValueError(f"flags are of an unsigned type, not {flags.type}")
    word = Reader.of(flags.type, endian) if flags else None
    sections = [plan(fields, endian) for fields in (flags.sections if flags else ())]
    if word is not None and len(sections) > word.size * 8:
        raise ValueError(f"{len(sections)} sections for the {word.size * 8} flags of {flags.type if flags else ''}")
    fields = plan(layout.fields, endian)
    return _Read(layout, bytes.fromhex(layout.starts), fields, word, sections, tags, max(sizes, default=0))


def _suits(layout: _Read, payload: bytes, port: int) -> bool:
    declared = layout.declared
    return (
        (not declared.ports or port in declared.ports)
        and declared.min_length <= len(payload) <= declared.max_length
        and payload.startswith(layout.starts)
    )


def _read(layout: _Read, payload: bytes, time: int, values: list[Value]) -> str | None:
    """Fills ``values``; the reason for which it ended early, if it did."""
    at = _part(layout.fields, payload, 0, time, values)
    if layout.flags is not None:
        at = _sections(layout, layout.flags, payload, at, time, values)
    return _records(layout, payload, at, time, values) if layout.tags else None


def _part(part: Plan, payload: bytes, at: int, time: int, values: list[Value]) -> int:
    """Reads one part; where the next begins."""
    if at + part.size > len(payload):
        raise _Fault(f"truncated {len(payload) - at} byte(s) of {part.size} at byte {at}")
    return part.read(payload, at, time, values)


def _sections(layout: _Read, word: Reader, payload: bytes, at: int, time: int, values: list[Value]) -> int:
    if at + word.size > len(payload):
        raise _Fault(f"truncated no flags at byte {at}")
    present, at = int(word.number(payload, at)), at + word.size
    if present >> len(layout.sections):
        raise _Fault(f"unknown-type flags {present:#x} of {len(layout.sections)} sections")
    for number, section in enumerate(layout.sections):
        if present >> number & 1:
            at = _part(section, payload, at, time, values)
    return at


def _records(layout: _Read, payload: bytes, at: int, time: int, values: list[Value]) -> str | None:
    size, end, tags = layout.tag_size, len(payload), layout.tags
    while at < end:
        tag = payload[at : at + size]
        record = tags.get(tag)
        if record is not None:
            at = _part(record, payload, at + size, time, values)
        elif layout.declared.records and layout.declared.records.unknown == "stop":
            return "unknown-type"
        elif len(tag) < size:
            raise _Fault(f"truncated a tag of {len(tag)} byte(s) at byte {at}")
        else:
            raise _Fault(f"unknown-type tag {tag.hex()} at byte {at}")
    return None
