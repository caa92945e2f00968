"""How far this process is with the partitions that it owns: what watchdog, audit and metrics look at.

One per process, like its metrics. What handles records says so here; whoever commits says that, too, and a commit beyond
what was handled, which would be a loss at the next restart, is counted.
"""

import threading
import time
from collections.abc import Callable, Mapping

from streams import log, metrics

Place = tuple[str, int]
"""Topic as the cluster calls it, and partition."""

SAID_FOR_S = 30.0
"""Whoever waits for something says so again within this time."""

logger = log.get("progress")


class Progress:
    """Next offsets to handle, by partition. Called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._next: dict[Place, int] = {}
        self._waits: tuple[str, float] | None = None
        self._beats = 0

    @property
    def beats(self) -> int:
        """Grows with every sign of work within a long batch."""
        return self._beats

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """The partition is owned, and handled up to ``offset``, from which on it is read."""
        with self._lock:
            self._next[topic, partition] = offset
        metrics.HANDLED_OFFSET.labels(topic, partition).set(offset - 1)
        metrics.COMMITTED_OFFSET.labels(topic, partition).set(offset)

    def handled(self, topic: str, partition: int, after: int) -> None:
        """All that follows from the records before offset ``after`` is durable. Of partitions that are owned only."""
        with self._lock:
            if (topic, partition) not in self._next:
                return
            self._next[topic, partition] = max(after, self._next[topic, partition])
            self._waits = None
        metrics.HANDLED_OFFSET.labels(topic, partition).set(after - 1)

    def committed(self, topic: str, partition: int, offset: int) -> None:
        """The group has committed ``offset``; it must not be beyond what was handled."""
        metrics.COMMITTED_OFFSET.labels(topic, partition).set(offset)
        handled = self._next.get((topic, partition))
        if handled is not None and offset > handled:
            metrics.COMMITTED_UNHANDLED.labels(topic, partition).inc()
            logger.error("committed-unhandled", topic=topic, partition=partition, committed=offset, handled=handled)

    def forget(self, topic: str, partition: int) -> None:
        """The partition is owned no longer."""
        with self._lock:
            self._next.pop((topic, partition), None)
        for gauge in (metrics.HANDLED_OFFSET, metrics.COMMITTED_OFFSET):
            metrics.remove(gauge, topic, partition)

    def beat(self) -> None:
        """Something was done, though no batch is done yet."""
        self._beats += 1

    def waits(self, why: str) -> None:
        """Nothing can be handled now, for a reason outside this process; said again as long as it lasts."""
        self._waits = why, self._clock()

    def excuse(self) -> str | None:
        """What is waited for, if anybody has said so lately."""
        waits = self._waits
        return waits[0] if waits and self._clock() - waits[1] < SAID_FOR_S else None

    def places(self) -> Mapping[Place, int]:
        """The next offset to handle of every partition that is owned."""
        with self._lock:
            return dict(self._next)


HERE = Progress()
"""Of this process."""
