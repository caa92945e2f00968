"""A block's columns: times (int64 ns since the epoch, ascending and distinct) and values (float64). Pure, in numpy.

``values`` holds float64, ``offsets`` int64 ns after ``start``, both little endian whatever the machine; the period
counts where offsets are empty. Arrays made of bytes are views, not copies.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.core.records import Block, Measurement

Times = NDArray[np.int64]
Values = NDArray[np.float64]

TIME, VALUE = np.dtype("<i8"), np.dtype("<f8")
WIDTH = 8
"""bytes of a time and of a value"""
LAST = 2**63 - 2**53
"""ns, either side of the epoch: so that what is added to such a time stays an int64"""


def count(block: Block) -> int:
    """How many values it holds."""
    return len(block.values) // WIDTH


def values(block: Block) -> Values:
    """Its values."""
    return np.frombuffer(block.values, VALUE)


def times(block: Block) -> Times:
    """The time of each value."""
    if block.offsets:
        return np.frombuffer(block.offsets, TIME) + block.start
    return np.arange(count(block), dtype=TIME) * block.period + block.start


def last(block: Block) -> int:
    """The time of its last value; of an empty block its start."""
    if block.offsets:
        return block.start + int.from_bytes(block.offsets[-WIDTH:], "little", signed=True)
    return block.start + max(count(block) - 1, 0) * block.period


def fault(block: Block) -> str | None:
    """Why it is no block at all; None when ``times`` and ``values`` are what this module promises."""
    number, odd = divmod(len(block.values), WIDTH)
    if odd or (block.offsets and len(block.offsets) != len(block.values)):
        return f"block {block.name}: {len(block.values)} bytes of values, {len(block.offsets)} of offsets"
    if block.offsets:
        offsets = np.frombuffer(block.offsets, TIME)
        if offsets[0] < 0 or not bool((offsets[1:] > offsets[:-1]).all()):
            return f"block {block.name}: offsets that are not ascending"
    elif number > 1 and block.period <= 0:
        return f"block {block.name}: {number} values each {block.period} ns"
    if not -LAST <= block.start <= last(block) < LAST:
        return f"block {block.name}: {number} values from {block.start} ns: no such times"
    return None


def made(times: Times, values: Values, **about: Any) -> Block:
    """The block of at least one value at ascending, distinct ``times``; ``about``: name, unit, quality, logical_uid.

    Equal steps become a period, anything else offsets.
    """
    start, steps = int(times[0]), times[1:] - times[:-1]
    period = int(steps[0]) if len(steps) else 1
    offsets = b"" if bool((steps == period).all()) else (times - start).astype(TIME).tobytes()
    return Block(start=start, period=period, values=values.astype(VALUE).tobytes(), offsets=offsets, **about)


def points(block: Block) -> list[Measurement]:
    """One measurement for each value: for what has to speak of single points."""
    name, unit, quality, uid = block.name, block.unit, block.quality, block.logical_uid
    columns = zip(times(block).tolist(), values(block).tolist(), strict=True)
    return [Measurement(name, unit, time, value, None, quality, uid) for time, value in columns]
