"""What a codec answered against what its example says."""

from collections.abc import Iterator
from math import isclose
from typing import Any

from streams.core.times import MILLISECOND, from_text

TOLERANCE = 1e-9


def differences(expected: Any, got: Any, path: str = "data", *, moments: bool = True) -> Iterator[str]:
    """Each place where they differ, as ``path: expected …, got …``.

    Numbers may differ by 1e-9, and a missing key is as good as null. ``moments``: one may be written in several ways.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted({*expected, *got}, key=str):
            yield from differences(expected.get(key), got.get(key), f"{path}.{key}", moments=moments)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from differences(one, other, f"{path}.{place}", moments=moments)
    elif not _same(expected, got, moments=moments):
        yield f"{path}: expected {_short(expected)}, got {_short(got)}"


def as_list(normalized: Any) -> Any:
    """A normalised payload is one measurement or a list of them."""
    return normalized if isinstance(normalized, list) or normalized is None else [normalized]


def _same(expected: Any, got: Any, *, moments: bool) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return isclose(expected, got, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if moments and isinstance(expected, str) and isinstance(got, str) and expected != got:
        one, other = from_text(expected), from_text(got)
        return one is not None and other is not None and one // MILLISECOND == other // MILLISECOND
    return bool(expected == got)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
