"""How long to wait before trying again: doubling, with jitter, up to a limit, for ever."""

import random
from collections.abc import Iterator


def delays(first: float, most: float) -> Iterator[float]:
    """Seconds between tries; each is between half and the whole of the step, so that many clients do not march in step."""
    step = first
    while True:
        yield step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        step = min(step * 2, most)
