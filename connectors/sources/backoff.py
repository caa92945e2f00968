"""How long to wait before trying again: doubling, with jitter, up to a limit, for ever."""

import random
from collections.abc import Iterator
from functools import partial


def delays(first: float, most: float) -> Iterator[float]:
    """Seconds between tries; each is between half and the whole of the step, so that many clients do not march in step."""
    step = first
    while True:
        yield step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        step = min(step * 2, most)


class Pauses:
    """Delays that begin anew after a good time of ``steady_s``."""

    def __init__(self, first: float, most: float, steady_s: float) -> None:
        self._new = partial(delays, first, most)
        self._steady_s, self._pauses = steady_s, self._new()

    def after(self, good_s: float) -> float:
        """Seconds until the next try, after all went well for ``good_s``; negative: it never did."""
        if good_s > self._steady_s:
            self._pauses = self._new()
        return next(self._pauses)
