"""Base windows: stretches of event time whose length divides an hour, aligned to the epoch, end excluded.

All windows of one installation fit into *spans*, the shortest stretch that every base length divides. The points of a
series are held per span and folded once, however many base windows look at them; a window is a slice of its span.
"""

from collections.abc import Iterable, Iterator
from math import gcd, lcm

from msgspec import Struct

from streams.core.times import SECOND


class Rule(Struct, frozen=True):
    """How long windows are, how long they stay open, and how early a point may come. All in ns.

    ``cell``: the longest stretch that lies in one window of each length.
    ``hold``: a span is closed once the log's time has passed its end by this much; later points of it are repairs.
    ``ahead``: no point lies further than this after the log time of its reading; see ``streams.core.coverage``.
    """

    lengths: tuple[int, ...]
    cell: int
    span: int
    hold: int
    ahead: int

    @classmethod
    def of_seconds(cls, lengths: Iterable[int], *, hold: float, ahead: float) -> "Rule":
        """The rule for base windows of ``lengths`` seconds."""
        whole = tuple(sorted({length * SECOND for length in lengths}))
        return cls(whole, gcd(*whole), lcm(*whole), round(hold * SECOND), round(ahead * SECOND))

    def horizon(self, log_time: int) -> int:
        """The log time from which to read so that every span still open at ``log_time`` is covered."""
        return log_time - self.hold - self.span - self.ahead


def start_of(time: int, length: int) -> int:
    """The start of the window of ``length`` that ``time`` lies in; also before 1970."""
    return time - time % length


def starts(first: int, last: int, length: int) -> Iterator[int]:
    """The starts of all windows of ``length`` that hold a time between ``first`` and ``last``, both included."""
    yield from range(start_of(first, length), last + 1, length)
