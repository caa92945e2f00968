"""What a series did in a window: the figures of a list of numbers in order of time."""

from collections.abc import Sequence
from math import fsum, isinf

import numpy as np
from msgspec import Struct

from streams.core.block import Values

MANY = 200
"""from so many values on numpy is faster, its conversions included"""


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
    if len(values) >= MANY:
        return _figures_of_many(np.array(values))
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else _mean(ordered[middle - 1], ordered[middle])
    return Figures(len(ordered), _sum(values), ordered[0], ordered[-1], values[0], values[-1], median)


def _figures_of_many(values: Values) -> Figures:
    """Only what the median needs is put in order."""
    count, middle = len(values), len(values) // 2
    parted = np.partition(values, middle)
    low, median = parted[:middle].max(), parted[middle]
    if count % 2 == 0:
        median = _mean(float(low), float(median))
    told = (values.min(), values.max(), values[0], values[-1], median)
    return Figures(count, _sum(values.tolist()), *map(float, told))


def _sum(values: Sequence[float]) -> float:
    try:
        return fsum(values)
    except OverflowError:
        # beyond the largest double: infinite, as in the store
        return sum(values)


def _mean(low: float, high: float) -> float:
    total = low + high
    return low / 2 + high / 2 if isinf(total) else total / 2
