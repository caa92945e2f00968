"""The fields of a part, compiled: what is read where, and what becomes of it."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from struct import Struct as Layout
from typing import Any

from msgspec import Struct

from streams.core.message import Value
from streams.core.names import is_name
from streams.core.times import SECOND

CODES = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "i8": "b",
    "i16": "h",
    "i32": "i",
    "i64": "q",
    "f32": "f",
    "f64": "d",
}
THREE_BYTES = ("u24", "i24")
TIME = "time"
"""u32: s since the epoch; the part's values are of that time"""
PART_LIMIT = 4_096
"""bytes"""


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    """One value of a part, as it is declared; ``streams.codecs.table`` says what each word means."""

    name: str
    type: str
    at: int | None = None
    size: int = 0
    endian: str = ""
    bits: tuple[int, int] | None = None
    shift: int = 0
    multiply: float = 1
    divide: float = 1
    add: float = 0
    unit: str = ""
    invalid: Sequence[int] = ()
    text: dict[str, str] = {}
    optional: bool = False


class Reader(Struct, frozen=True):
    """Takes ``size`` bytes as a number, or as hexadecimal text."""

    size: int
    number: Callable[[bytes, int], Any]

    @classmethod
    def of(cls, kind: str, endian: str, size: int = 0) -> "Reader":
        """The reader of a type.

        Raises:
            ValueError: there is no such type.
        """
        if kind in CODES or kind == TIME:
            return _packed(Layout((">" if endian == "big" else "<") + CODES.get(kind, "I")))
        if kind in THREE_BYTES:
            return _three_bytes(endian, signed=kind == "i24")
        if kind == "hex" and 0 < size <= PART_LIMIT:
            return cls(size, lambda payload, at: payload[at : at + size].hex())
        if kind == "hex":
            raise ValueError("a hex field needs its size in bytes")
        raise ValueError(f"there is no type {kind!r}; there are {', '.join((*CODES, *THREE_BYTES, 'hex', TIME))}")


Step = tuple[str, str, int, Callable[[bytes, int], Any], Callable[[Any], Any] | None]
"""Name, unit, place in the part, what reads the raw value there, what becomes of it (None: nothing)."""


class Plan(Struct, frozen=True):
    """A part: ``size`` bytes that must be there, and optional fields behind them."""

    size: int
    steps: Sequence[Step]
    optional: Sequence[tuple[int, Step]]
    """with where each ends"""
    clock: tuple[int, Callable[[bytes, int], Any]] | None = None
    """place and reader of the part's own time"""

    def read(self, payload: bytes, start: int, time: int, values: list[Value]) -> int:
        """Adds the values of a part that is whole; where the next part begins."""
        if self.clock is not None:
            place, read = self.clock
            time = read(payload, start + place) * SECOND
        for name, unit, place, read, become in self.steps:
            value = read(payload, start + place)
            if become is not None:
                value = become(value)
            if value is not None:
                values.append(Value(name, value, time, unit))
        return self._read_optional(payload, start, time, values) if self.optional else start + self.size

    def _read_optional(self, payload: bytes, start: int, time: int, values: list[Value]) -> int:
        end = start + self.size
        for size, step in self.optional:
            if start + size <= len(payload):
                Plan(0, (step,), ()).read(payload, start, time, values)
                end = max(end, start + size)
        return end


def plan(fields: Iterable[Field], endian: str) -> Plan:
    """The fields of one part in a plan.

    Raises:
        ValueError: what is wrong with a field, in one sentence.
    """
    steps: list[Step] = []
    optional: list[tuple[int, Step]] = []
    clock: tuple[int, Callable[[bytes, int], Any]] | None = None
    after = size = 0
    for field in fields:
        try:
            reader = _reader(field, endian)
            place = after if field.at is None else field.at
            if not 0 <= place <= PART_LIMIT:
                raise ValueError(f"at {place} is outside of a payload")
            step = (field.name, field.unit, place, reader.number, _become(field))
            if field.type == TIME and (clock or field.optional or step[4]):
                raise ValueError("a part has one time at most, taken as it is")
        except ValueError as error:
            raise ValueError(f"field {field.name!r}: {error}") from None
        after = place + reader.size
        if field.optional:
            optional.append((after, step))
            continue
        size = max(size, after)
        if field.type == TIME:
            clock = place, reader.number
        else:
            steps.append(step)
    return Plan(size, steps, optional, clock)


def _reader(field: Field, endian: str) -> Reader:
    if field.endian not in ("", "big", "little"):
        raise ValueError(f"endian is big or little, not {field.endian!r}")
    if not is_name(field.name):
        raise ValueError("a name has 1 to 200 characters and none that controls")
    if field.size and field.type != "hex":
        raise ValueError(f"a {field.type} has its size already")
    return Reader.of(field.type, field.endian or endian, field.size)


def _packed(layout: Layout) -> Reader:
    unpack = layout.unpack_from
    return Reader(layout.size, lambda payload, at: unpack(payload, at)[0])


def _three_bytes(endian: str, *, signed: bool) -> Reader:
    order: Any = endian
    return Reader(3, lambda payload, at: int.from_bytes(payload[at : at + 3], order, signed=signed))


def _become(field: Field) -> Callable[[Any], Any] | None:
    """What makes a value of the raw one: bits, then ``invalid``, then a text or a number."""
    if not field.divide or not all(map(isfinite, (field.multiply, field.divide, field.add))):
        raise ValueError("multiply, divide and add are finite, and divide is not 0")
    if abs(field.shift) >= 2**64:
        raise ValueError("a shift has at most 64 bits")
    scaled = (field.shift, field.multiply, field.divide, field.add) != (0, 1, 1, 0)
    if field.type == "hex" and (scaled or field.bits or field.text or field.invalid):
        raise ValueError("a hex field is taken as it is")
    if field.text and scaled:
        raise ValueError("it becomes a text, so there is nothing to scale")
    last = _texts(field.text) if field.text else _scale(field) if scaled else None
    steps = [_bits(field) if field.bits else None, _without(field.invalid) if field.invalid else None, last]
    kept = [step for step in steps if step is not None]
    return _chain(kept) if len(kept) > 1 else kept[0] if kept else None


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def become(raw: Any) -> Any:
        for step in steps:
            raw = step(raw)
            if raw is None:
                return None
        return raw

    return become


def _bits(field: Field) -> Callable[[Any], Any]:
    lowest, count = field.bits or (0, 0)
    width = int(field.type[1:]) if field.type.startswith("u") else 0
    if lowest < 0 or count < 1 or lowest + count > width:
        raise ValueError("bits = [lowest, how many] lie within an unsigned type")
    mask = (1 << count) - 1
    return lambda raw: raw >> lowest & mask


def _without(invalid: Sequence[int]) -> Callable[[Any], Any]:
    odd = frozenset(invalid)
    return lambda raw: None if raw in odd else raw


def _texts(names: dict[str, str]) -> Callable[[Any], Any]:
    known = {int(number): text for number, text in names.items()}
    return lambda raw: known.get(raw) or str(raw)


def _scale(field: Field) -> Callable[[Any], Any]:
    shift, multiply, divide, add = field.shift, field.multiply, field.divide, field.add
    if (multiply, add) == (1, 0):  # the usual case: one rounding, so that 308 / 10 is 30.8
        return (lambda raw: (raw + shift) / divide) if divide != 1 else lambda raw: raw + shift
    return lambda raw: (raw + shift) * multiply / divide + add
