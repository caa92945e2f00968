"""Values as senders name them -> measurements: typed, renamed and scaled by rules, placed, one per name and time.

- number: as float64; an integer beyond 2**53, which float64 cannot always hold, becomes text: no digit is made up
- true, false: 1.0, 0.0; text stays text, also when it looks like a number; null, NaN and infinities are left out
- object, list: taken apart, names joined by a dot (``accelerometer_1.x``, ``probe.0``), at most ``DEPTH_LIMIT`` deep
- time: more than the context's limit after receipt, before 1980 or from 2200 on is rejected, its neighbours go on
- one name at one time: the last counts; a unit that could not be a name is left empty
- a number with a standard name and unit outside of its plausible range is marked, nothing else: ``core.vocabulary``
- samples in columns: ``core.samples``, by the same rules
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from math import inf, isfinite
from typing import Any

from msgspec import Struct

from streams.core.block import times as block_times
from streams.core.message import IMPLAUSIBLE, Rejected, Samples, Value
from streams.core.names import NAME_LIMIT, is_name
from streams.core.payload import detail
from streams.core.place import place
from streams.core.records import Block, Measurement
from streams.core.rules import named
from streams.core.samples import Scope, blocks_of
from streams.core.times import EARLIEST, LATEST, to_text
from streams.core.vocabulary import plausible

MEASUREMENT_LIMIT = 5_000
TEXT_LIMIT = 1_000
"""Characters; with the limits of names and measurements a reading stays below Kafka's largest record."""
DEPTH_LIMIT = 16
EXACT_INTEGER = 2**53


class Normalised(Struct, frozen=True, gc=False):
    """Measurements in the sender's order, what was rejected, and a reason for each value left out on purpose."""

    measurements: list[Measurement]
    rejected: list[Rejected]
    ignored: list[str]
    blocks: list[Block] = []


class _Left(Struct, frozen=True):
    """Why a value is no measurement: rejected ones become dead letters, the others are counted."""

    reason: str
    rejected: bool = False


class _Moment(Struct, frozen=True, gc=False):
    """What holds for every value of one time."""

    time: int
    fault: _Left | None
    logical_uid: int | None


_NULL, _EMPTY, _NOT_FINITE = _Left("null"), _Left("empty"), _Left("not-finite")
_DROPPED, _DUPLICATE = _Left("dropped-by-rule"), _Left("duplicate")
_TEXT_TOO_LONG, _TOO_DEEP = _Left("text-too-long", rejected=True), _Left("too-deep", rejected=True)
_BAD_NAME = _Left("bad-name", rejected=True)
_IN_FUTURE, _OUT_OF_RANGE = _Left("time-in-future", rejected=True), _Left("time-out-of-range", rejected=True)
_PLAIN = frozenset((float, int, str, bool, type(None)))
"""what is not taken apart"""
_NEVER = _Moment(EARLIEST - 1, _OUT_OF_RANGE, None)


def normalise(values: Sequence[Value], scope: Scope, samples: Sequence[Samples] = ()) -> Normalised:
    """The measurements and blocks of one message."""
    made = _measurements(values, scope)
    if not samples:
        return made
    blocks, left = blocks_of(samples, scope)
    kept, ignored = _besides(blocks, made.measurements), [*made.ignored, *left.ignored]
    ignored += [_DUPLICATE.reason] * (len(made.measurements) - len(kept))
    return Normalised(kept, [*made.rejected, *left.rejected], ignored, blocks)


def _measurements(values: Sequence[Value], scope: Scope) -> Normalised:
    """All values are rejected when there are more than ``MEASUREMENT_LIMIT``."""
    flat = values
    if not _PLAIN.issuperset([type(value.value) for value in values]):
        flat = list(islice(leaves(values), MEASUREMENT_LIMIT + 1))
    if len(flat) > MEASUREMENT_LIMIT:
        many = Rejected("normalise", "too-many-values", f"more than {MEASUREMENT_LIMIT}", scope.sender.device)
        return Normalised([], [many], [])
    found: dict[tuple[str, int], Measurement] = {}
    left: list[tuple[_Left, Value]] = []
    moment, ruling, quality = _NEVER, scope if scope.rules else None, scope.quality
    for value in flat:
        if value.time != moment.time:
            moment = _Moment(value.time, _time_fault(value.time, scope.latest), place(scope.mapping, value.time))
        measured = _measure(value, moment, ruling, quality)
        if isinstance(measured, _Left):
            left.append((measured, value))
            continue
        key = (measured.name, moment.time)
        if key in found:
            left.append((_DUPLICATE, value))
        found[key] = measured
    return Normalised(list(found.values()), *_sorted_out(left, scope.sender.device))


def is_time(time: int) -> bool:
    """Whether the store can hold it and it is no clock that was never set; a fraction of a ns is a decoder's mistake."""
    return type(time) is int and EARLIEST <= time < LATEST


def _besides(blocks: Sequence[Block], measurements: list[Measurement]) -> list[Measurement]:
    """The measurements without those that have a sample's name and time."""
    names = {block.name for block in blocks} & {m.name for m in measurements}
    if not names:
        return measurements
    taken = {(block.name, time) for block in blocks if block.name in names for time in block_times(block).tolist()}
    return [m for m in measurements if (m.name, m.time) not in taken]


def _measure(value: Value, moment: _Moment, ruling: Scope | None, quality: int) -> Measurement | _Left:
    name, unit, raw = value.name, value.unit, value.value
    content = raw if type(raw) is float and isfinite(raw) else _typed(raw)
    if ruling is not None:
        name, unit, content = _by_rule(value, content, ruling)
    label = _label(name, unit) if len(name) + len(unit) <= NAME_LIMIT else _find_label(name, unit)
    if label is None:
        return _BAD_NAME
    if isinstance(content, _Left):
        return content
    if moment.fault is not None:
        return moment.fault
    unit, low, high = label
    quality |= value.quality
    if isinstance(content, str):
        return Measurement(name, unit, moment.time, None, content, quality, moment.logical_uid)
    quality = quality if low <= content <= high else quality | IMPLAUSIBLE
    return Measurement(name, unit, moment.time, content, None, quality, moment.logical_uid)


def _find_label(name: str, unit: str) -> tuple[str, float, float] | None:
    """The unit, empty if it cannot be one, and the lowest and highest plausible number; None: this is no name."""
    if not is_name(name):
        return None
    unit = unit if is_name(unit) else ""
    low, high = plausible(name, unit) or (-inf, inf)
    return unit, low, high


_label = lru_cache(maxsize=16_384)(_find_label)  # of short names: long ones could fill the memory


def _typed(raw: Any) -> float | str | _Left:
    if isinstance(raw, float):
        return raw if isfinite(raw) else _NOT_FINITE
    if isinstance(raw, int):
        return float(raw) if -EXACT_INTEGER <= raw <= EXACT_INTEGER else _text(str(raw))
    if isinstance(raw, str):
        return _text(raw)
    return _NULL if raw is None else _TOO_DEEP if raw else _EMPTY


def _text(text: str) -> str | _Left:
    return text if len(text) <= TEXT_LIMIT else _TEXT_TOO_LONG


def _by_rule(value: Value, content: float | str | _Left, scope: Scope) -> tuple[str, str, float | str | _Left]:
    rule = scope.rules.find(value.name, scope.source, scope.sender)
    if rule is None:
        return value.name, value.unit, content
    if isinstance(content, float):
        content = _typed(content * rule.scale + rule.offset)
    return *named(rule, value.name, value.unit), _DROPPED if rule.drop else content


def _time_fault(time: int, latest: int) -> _Left | None:
    if not is_time(time):
        return _OUT_OF_RANGE
    return _IN_FUTURE if time > latest else None


def leaves(values: Iterable[Value], depth: int = 0) -> Iterator[Value]:
    """Objects and lists taken apart, names joined by a dot."""
    for value in values:
        content = value.value
        # A name that is too long already is not made longer: 5,000 times a long name would fill the memory.
        if isinstance(content, (dict, list)) and content and depth < DEPTH_LIMIT and len(value.name) <= NAME_LIMIT:
            yield from leaves(_parts(value), depth + 1)
        else:
            yield value


def _parts(value: Value) -> Iterator[Value]:
    parts = value.value.items() if isinstance(value.value, dict) else enumerate(value.value)
    time, unit, quality = value.time, value.unit, value.quality
    return (Value(f"{value.name}.{name}", part, time, unit, quality) for name, part in parts)


def _sorted_out(left: list[tuple[_Left, Value]], device: str) -> tuple[list[Rejected], list[str]]:
    """One rejection per reason, not per value; the others one by one."""
    if not left:
        return [], []
    rejected: dict[str, list[Value]] = {}
    for why, value in left:
        if why.rejected:
            rejected.setdefault(why.reason, []).append(value)
    faults = [Rejected("normalise", reason, _detail(values), device) for reason, values in rejected.items()]
    return faults, [why.reason for why, _ in left if not why.rejected]


def _detail(values: list[Value]) -> str:
    first = values[0]
    name = first.name.encode("utf-8", "replace").decode()
    return detail(f"{len(values)} value(s), first at {to_text(first.time)}: {name}")
