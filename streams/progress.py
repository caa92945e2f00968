"""How far this process is with what it has to do: what watchdog, audit and metrics look at.

One per process, like its metrics. What handles records of partitions says so here; whoever commits says that, too, and a
commit beyond what was handled, which would be a loss at the next restart, is counted. What else must move (a spool, a loop,
a reader of the registry) is shown here by a function that the watchdog calls.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from functools import partial
from typing import Any, NamedTuple

from streams import log, metrics

Place = tuple[str, int]
"""Topic as the cluster calls it, and partition."""


class Work(NamedTuple):
    """What a place has to do now: ``at`` is another value once it has moved; ``left``: there is something to do."""

    at: object
    left: bool


class Excuse(Enum):
    """What lets a place stand still."""

    NOTHING = auto()
    """it needs nobody"""
    KAFKA = auto()
    """that Kafka is away"""
    ANYTHING = auto()
    """that Kafka is away, or whatever its process says that it waits for"""


class Watched(NamedTuple):
    """A place that must move; ``look`` is called from the watchdog's thread and must not block."""

    look: Callable[[], Work]
    excuse: Excuse


Positions = Callable[[], Mapping[str, int]]
"""How far a reader is: topic as the cluster calls it -> next offset of its only partition, markers of transactions passed."""

SAID_FOR_S = 30.0
"""Whoever waits for something says so again within this time."""

logger = log.get("progress")


class Progress:
    """Next offsets to handle, by partition, and whatever else must move. Called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._next: dict[Place, int] = {}
        self._waits: tuple[str, float] | None = None
        self._asked: tuple[str, float] | None = None
        self._beats = 0
        self._watched: dict[str, Watched] = {}
        self._followed: dict[str, Positions] = {}

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

    def waits(self, why: str, for_s: float = SAID_FOR_S) -> None:
        """Nothing can be handled now, for a reason outside this process; said again as long as it lasts."""
        self._waits = why, self._clock() + for_s

    @contextmanager
    def asking(self, what: str, within_s: float) -> Iterator[None]:
        """Something outside is asked one question, which may take long, and at most ``within_s``."""
        self.beat()
        self._asked = what, self._clock() + within_s
        try:
            yield
        finally:
            self._asked = None
            self.beat()

    def excuse(self) -> str | None:
        """What is waited for, if anybody has said so lately, or is still asked."""
        now = self._clock()
        return next((said[0] for said in (self._asked, self._waits) if said and now < said[1]), None)

    def watch(self, name: str, look: Callable[[], Work], excuse: Excuse = Excuse.ANYTHING) -> Callable[[], None]:
        """Show a place that must move, until the returned function is called; of two with one name the last counts."""
        return _kept(self._watched, name, Watched(look, excuse))

    def follow(self, name: str, positions: Positions) -> Callable[[], None]:
        """Show a reader that must come to the ends of its topics, as ``watch`` does."""
        return _kept(self._followed, name, positions)

    def watched(self) -> Mapping[str, Watched]:
        """Places that are shown by ``watch``."""
        return dict(self._watched)

    def followed(self) -> Mapping[str, Mapping[str, int]]:
        """How far each reader that is shown by ``follow`` is."""
        return {name: dict(positions()) for name, positions in dict(self._followed).items()}

    def places(self) -> Mapping[Place, int]:
        """The next offset to handle of every partition that is owned."""
        with self._lock:
            return dict(self._next)


HERE = Progress()
"""Of this process."""


def _kept(shown: dict[str, Any], name: str, what: object) -> Callable[[], None]:
    shown[name] = what
    return partial(_forget, shown, name, what)


def _forget(shown: dict[str, Any], name: str, what: object) -> None:
    if shown.get(name) is what:
        del shown[name]
