"""What a series did in a window: the figures of a list of numbers in order of time."""

from collections.abc import Sequence
from math import fsum, isinf

import numpy as np
from msgspec import Struct

MANY = 200
"""from so many values on numpy sorts faster, its conversions included"""


class Figures(Struct, frozen=True):
    """The mean is sum / count. The median of an even count is the mean of the middle two."""

    count: int
    sum: float
    min: float
    max: float
    first: float
    last: float
    median: float


def figures(values: Sequence[float]) -> Figures:
    """The figures of ``values``, which are finite, in order of time, and at least one."""
    ordered = sorted(values) if len(values) < MANY else np.sort(np.array(values)).tolist()
    return Figures(len(ordered), _sum(values), ordered[0], ordered[-1], values[0], values[-1], _median(ordered))


def _sum(values: Sequence[float]) -> float:
    try:
        return fsum(values)
    except OverflowError:
        # beyond the largest double: infinite, as in the store
        return sum(values)


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    low, high = ordered[middle - 1], ordered[middle]
    total = low + high
    return low / 2 + high / 2 if isinf(total) else total / 2
