"""A batch in slices: between two of them the process shows that it works, and sees whether the batch is still its own."""

import time
from collections.abc import Callable, Iterator, Sequence

from streams.agents.batch import Consumed, portions

SLICE_S, SLICE_BYTES = 1.0, 1_000_000
FIRST, MOST = 100, 2000


class Pace:
    """Finds the number of records that take about ``SLICE_S``; of large ones fewer, since nobody knows yet what they take.

    As many as that, not 100: codecs are asked for all of a slice at once, and with 20 of them 100 records take seven times as
    long each. Where a slice ends changes no reading (``tests/contracts/test_memory.py``).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._size = clock, FIRST

    def slices(self, records: Sequence[Consumed]) -> Iterator[Sequence[Consumed]]:
        """The records in their order; the time until the next slice is asked for is this one's."""
        at = 0
        while at < len(records):
            part = next(portions(records[at : at + self._size], self._size, SLICE_BYTES))
            began = self._clock()
            yield part
            self._learn(len(part), self._clock() - began)
            at += len(part)

    def _learn(self, count: int, seconds: float) -> None:
        """At most twice as many as before: what comes may be slower. Of very slow ones each goes alone."""
        fitting = int(count * SLICE_S / seconds) if seconds > 0 else MOST
        self._size = max(1, min(2 * self._size, fitting, MOST))
