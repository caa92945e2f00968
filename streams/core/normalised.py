"""The Things Stack's normalised payload -> values with standard names: one object or an array, each a measurement.

Source: The Things Stack, "Normalized payload". An unknown field or a wrong type fails all of it, as there; fields are those
that ``vocabulary.toml`` marks as normalised. A number outside of its range is dropped there; here it is kept, and marked
as implausible when it is normalised. Elements of one time that repeat a name number their names (``soil.moisture_2``): a
probe with several depths loses none of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from streams.core.message import Value
from streams.core.times import from_text
from streams.core.vocabulary import STANDARDS, Standard

ELEMENT_LIMIT = 1_000

_FIELDS = {name: standard for name, standard in STANDARDS.items() if standard.normalised}
_GROUPS = {name[:at] for name in _FIELDS for at, character in enumerate(name) if character == "."}


class _Unfit(Exception):
    """Says which field of a measurement cannot be."""


def read(elements: Any, time: int) -> tuple[list[Value], list[str]]:
    """Values, and faults: with any fault there are no values. ``time`` (ns) holds where an element has none of its own.

    Never raises. Empty measurements are left out, without fault.
    """
    if not isinstance(elements, list):
        elements = [elements]
    if len(elements) > ELEMENT_LIMIT:
        return [], [f"{len(elements)} measurements are more than {ELEMENT_LIMIT}"]
    read_ones, faults = [], []
    for number, element in enumerate(elements, 1):
        try:
            read_ones.append(_element(element, time))
        except _Unfit as unfit:
            faults.append(f"measurement {number}: {unfit}")
    return ([], faults) if faults else (_numbered(read_ones), [])


def _element(element: Any, time: int) -> list[Value]:
    if not isinstance(element, dict):
        raise _Unfit(f"is {_shown(element)}, no object")
    told = element.get("time")
    at = time if told is None else from_text(told) if isinstance(told, str) else None
    if at is None:
        raise _Unfit(f"time is {_shown(told)}, no RFC 3339 time")
    fields = {name: value for name, value in element.items() if name != "time"}
    return [Value(standard.name, value, at, standard.unit) for standard, value in _fields(fields)]


def _fields(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[Standard, Any]]:
    for key, value in tree.items():
        name = prefix + key
        if name in _GROUPS and name not in _FIELDS:
            if not isinstance(value, dict):
                raise _Unfit(f"{name} is {_shown(value)}, no object")
            yield from _fields(value, f"{name}.")
        elif (standard := _FIELDS.get(name)) is None:
            raise _Unfit(f"unknown field {_shown(name)}")
        elif not _fits(value, standard):
            raise _Unfit(f"{name} is {_shown(value)}, no {_wanted(standard)}")
        else:
            yield standard, value


def _fits(value: Any, standard: Standard) -> bool:
    if standard.kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if standard.kind == "flag":
        return isinstance(value, bool)
    return isinstance(value, str) and value in standard.texts


def _numbered(elements: Sequence[Sequence[Value]]) -> list[Value]:
    """Each name once per time: the second element of a time that repeats a name is number 2 of that time."""
    found: list[Value] = []
    highest: dict[tuple[str, int], int] = {}
    for element in elements:
        number = 1 + max((highest.get((value.name, value.time), 0) for value in element), default=0)
        for value in element:
            highest[value.name, value.time] = number
            found.append(Value(_named(value.name, number), value.value, value.time, value.unit))
    return found


def _named(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _wanted(standard: Standard) -> str:
    return {"number": "number", "flag": "true or false"}.get(standard.kind) or " or ".join(standard.texts)


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**60 else "a large integer"
    return text if len(text) <= 60 else text[:60] + "…"
