"""Ends a process that owns a partition, has records to handle, and does not move: a supervisor starts it again.

The reasons are bugs that nobody has thought of: a client that forgot to fetch, a dead-lock, a loop that is blocked. So it
looks from outside: from a thread of its own, with a Kafka client of its own. Not ended is who waits for something that is
known to be away, nor who was frozen together with its watchdog. Registry topics are not looked at: markers of
transactions at their ends are never consumed.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from confluent_kafka import KafkaException, TopicPartition

from streams import kafka, log, metrics
from streams.lag import DATA_TOPICS
from streams.ops import Check
from streams.progress import HERE, Place, Progress
from streams.settings import KafkaSettings, WatchdogSettings

LOOK_S = 5.0
ANSWER_S = 5.0
OLDEST_EVERY_S = 15.0
EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h: not what a fault of the settings or an agent's exception ends with"""

logger = log.get("watchdog")


class Ends(Protocol):
    """The log, as the watchdog sees it."""

    def measure(self, places: Mapping[Place, int]) -> Mapping[Place, int]:
        """The end of each partition.

        Raises:
            KafkaException: Kafka is away.
        """

    def appended_at(self, place: Place, offset: int) -> float | None:
        """When Kafka appended that record, in s since the epoch; None when it does not come soon."""


class Standing:
    """For how long each partition has stood still with records to handle, in s that were looked at. Pure."""

    def __init__(self, look_s: float = LOOK_S) -> None:
        self._longest = 2 * look_s  # a gap between two looks is no time in which the process could have worked
        self._at: float | None = None
        self._seen: Mapping[Place, int] = {}
        self._beats = 0
        self.seconds: dict[Place, float] = {}

    def look(
        self,
        now: float,
        nexts: Mapping[Place, int],
        ends: Mapping[Place, int],
        beats: int = 0,
        *,
        excused: bool = False,
    ) -> None:
        """``nexts``: next offset to handle; ``ends``: end of the log; ``now`` in s of any clock that does not go back."""
        passed = 0.0 if self._at is None else min(now - self._at, self._longest)
        lives = excused or beats != self._beats
        self.seconds = {
            place: 0.0 if lives or ends.get(place, 0) <= offset or self._seen.get(place) != offset
            else self.seconds.get(place, 0.0) + passed
            for place, offset in nexts.items()
        }  # fmt: skip
        self._at, self._seen, self._beats = now, dict(nexts), beats


class Watchdog:
    """Looks every few seconds. ``excuse``: what the process knows to be away; ``stalled_s`` 0: it ends nothing."""

    def __init__(
        self,
        progress: Progress,
        ends: Ends,
        stalled_s: float,
        *,
        excuse: Check,
        end: Callable[[], None] = lambda: os._exit(EXIT_STATUS),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._progress, self._ends, self._stalled_s, self._excuse, self._end = progress, ends, stalled_s, excuse, end
        self._clock, self._wall = clock, wall
        self._standing = Standing()
        self._shown: set[Place] = set()
        self._oldest: dict[Place, tuple[int, float | None]] = {}
        self._next_oldest = 0.0
        self._stop = threading.Event()

    def start(self) -> Callable[[], None]:
        """Look until the returned function is called."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        return self._stop.set

    def fault(self) -> str | None:
        """What does not move though it should (for /healthz); None when all is well."""
        stalled = {place: s for place, s in self._standing.seconds.items() if 0 < self._stalled_s <= s}
        told = (f"{topic} {number} has not moved for {s:.0f} s" for (topic, number), s in sorted(stalled.items()))
        return "; ".join(told) or None

    def look(self) -> None:
        """One look: measure, show, and end the process if it has to be."""
        nexts = self._progress.places()
        excuse = self._excuse() or self._progress.excuse()
        try:
            ends = self._ends.measure(nexts)
        except KafkaException as away:
            ends, excuse = {}, excuse or str(away.args[0])
        self._standing.look(self._clock(), nexts, ends, self._progress.beats, excused=excuse is not None)
        if fault := self.fault():
            logger.error("stalled", fault=fault, consequence="the process ends, a supervisor starts it again")
            self._end()
        self._show(nexts, ends)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a watchdog that has died would be missed by nobody
                logger.error("watchdog-failed", fault=repr(error))

    def _show(self, nexts: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        for place in self._shown - nexts.keys():
            for gauge in (metrics.LAG, metrics.OLDEST_SECONDS, metrics.STALLED_SECONDS):
                metrics.remove(gauge, *place)
        self._shown = set(nexts)
        for place, end in ends.items():
            metrics.LAG.labels(*place).set(max(0, end - nexts[place]))
        for place, seconds in self._standing.seconds.items():
            metrics.STALLED_SECONDS.labels(*place).set(seconds)
        self._show_oldest(nexts, ends)

    def _show_oldest(self, nexts: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        """Reading a record costs a fetch, so it is done seldom."""
        due = self._clock() >= self._next_oldest
        self._next_oldest = self._clock() + OLDEST_EVERY_S if due else self._next_oldest
        for place, end in ends.items():
            offset = nexts[place]
            if end <= offset:
                metrics.OLDEST_SECONDS.labels(*place).set(0)
                continue
            known, appended_at = self._oldest.get(place, (-1, None))
            if due and (known != offset or appended_at is None):
                appended_at = self._ends.appended_at(place, offset)
                self._oldest[place] = offset, appended_at
            if appended_at is not None:
                metrics.OLDEST_SECONDS.labels(*place).set(max(0.0, self._wall() - appended_at))


def watch(kafka_settings: KafkaSettings, settings: WatchdogSettings, excuse: Check = lambda: None) -> Watchdog:
    """The watchdog of this process; ``start`` it."""
    return Watchdog(HERE, LogEnds(kafka_settings), settings.stalled_s, excuse=excuse)


class LogEnds:
    """Asks Kafka, by a client that belongs to no group."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topics = {kafka.topic(settings, name) for name in DATA_TOPICS}
        self._reader = kafka.consumer(settings, None, **{"queued.min.messages": 1, "fetch.message.max.bytes": 65_536})

    def measure(self, places: Mapping[Place, int]) -> Mapping[Place, int]:
        """See Ends; of data topics only."""
        watched = [place for place in places if place[0] in self._topics]
        return {place: self._reader.get_watermark_offsets(self._at(place), timeout=ANSWER_S)[1] for place in watched}

    def appended_at(self, place: Place, offset: int) -> float | None:
        """See Ends."""
        self._reader.assign([self._at(place, offset)])
        try:
            found = [message for message in self._reader.consume(1, ANSWER_S) if message.error() is None]
        finally:
            self._reader.unassign()
        return found[0].timestamp()[1] / 1000 if found else None

    def _at(self, place: Place, offset: int = 0) -> TopicPartition:
        return TopicPartition(*place, offset)
