"""The comparison, pure: exact sets in both directions; sums with a tolerance of the last bits."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import Struct, structs

from connectors.verify.expected import Contents, Fold, Point

K = TypeVar("K")
V = TypeVar("V")
RELATIVE, OF_MAGNITUDES = 1e-9, 1e-15
"""what rounding may make of a sum: of itself, and, where large numbers cancel out, of the sum of their magnitudes"""


class Difference(Struct, frozen=True):
    """What one table lacks, has too much, or has wrong; with a few examples of each."""

    table: str
    expected: int
    missing: int
    extra: int
    wrong: int
    examples: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Nothing missing, nothing extra, nothing wrong."""
        return not (self.missing or self.extra or self.wrong)


def compare(expected: Contents, found: Contents) -> list[Difference]:
    """One difference per table."""
    return [
        compared("points", expected.points, found.points, _same_point),
        compared("dead_letters", expected.dead_letters, found.dead_letters, operator.eq),
        compared("aggregates", expected.aggregates, found.aggregates, _same_fold),
        compared("latest", expected.latest, found.latest, operator.eq),
        compared("series", expected.names, found.names, operator.eq),
    ]


def compared(
    name: str, expected: Mapping[K, V], found: Mapping[K, V], same: Callable[[V, V], bool] = operator.eq
) -> Difference:
    """What a table lacks, has too much, or has wrong, by key."""
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    wrong = [key for key in expected if key in found and not same(expected[key], found[key])]
    examples = (
        *(f"missing {key}: {expected[key]}" for key in missing[:3]),
        *(f"extra {key}: {found[key]}" for key in extra[:3]),
        *(f"wrong {key}: {expected[key]} expected, {found[key]} found" for key in wrong[:3]),
    )
    return Difference(name, len(expected), len(missing), len(extra), len(wrong), examples)


def _same_point(one: Point, other: Point) -> bool:
    return one == other


def _same_fold(one: Fold, other: Fold) -> bool:
    """But for the sum nothing is rounded, or all round it alike."""
    room = OF_MAGNITUDES * one.count * max(abs(one.min), abs(one.max))
    close = math.isclose(one.sum, other.sum, rel_tol=RELATIVE, abs_tol=room if math.isfinite(room) else 0)
    return close and structs.replace(one, sum=other.sum) == other
