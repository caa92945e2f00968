"""A commit that is on its way to Kafka."""

import os
from collections.abc import Mapping

from msgspec import Struct

from streams import kafka, log

Position = tuple[str, int]
"""Topic without prefix, and partition."""

COMMIT_S = 1.5 * kafka.UNANSWERED_S
"""It is waited for so long: longer than the client waits for an answer."""
LOOK_S = 1.0
"""More than that between two looks is no time in which it could have ended: we were frozen, or busy."""

logger = log.get(__name__)


class Start(Struct, frozen=True):
    """Where a partition is read from, and the metadata of the commit that says so."""

    position: Position
    offset: int
    metadata: str


class Commit(Struct):
    """On its way. ``owned``: the assignment that it belongs to; ``looked_at``: monotonic seconds."""

    news: Mapping[Position, int]
    owned: frozenset[Position]
    looked_at: float
    waited_s: float = 0

    def look(self, now: float) -> None:
        """End the process when it never ends: the client is of no use any more."""
        self.waited_s += min(now - self.looked_at, LOOK_S)
        self.looked_at = now
        if self.waited_s > COMMIT_S:
            what = "the process ends; it is read again from the last commit"
            logger.error("commit-stuck", seconds=COMMIT_S, consequence=what)
            os._exit(1)
