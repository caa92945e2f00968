"""Ends a process that has something to do and does not move: a supervisor starts it again.

The reasons are bugs that nobody has thought of: a client that forgot to fetch or to poll, a dead-lock, a loop that is blocked.
So it looks from outside: from a thread of its own, with a Kafka client of its own. Not ended is who waits for something that
is known to be away, nor who was frozen together with its watchdog.

Looked at are partitions that the process owns, readers that follow topics of the registry, and whatever else it shows
(``streams.progress``). Markers of transactions, at the ends of registry topics, are nothing to do for who owns a partition:
they are never consumed. A follower passes them, by the ends that its client tells.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set

from confluent_kafka import KafkaException

from streams import log, metrics
from streams.log_ends import Ends, LogEnds
from streams.ops import Check
from streams.progress import HERE, Excuse, Place, Progress, Work
from streams.settings import KafkaSettings, WatchdogSettings

LOOK_S = 5.0
OLDEST_EVERY_S = 15.0
EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h: not what a fault of the settings or an agent's exception ends with"""

logger = log.get("watchdog")


class Standing:
    """For how long each place has stood still with work left, in s that were looked at. Pure."""

    def __init__(self, look_s: float = LOOK_S) -> None:
        self._longest = 2 * look_s  # a gap between two looks is no time in which the process could have worked
        self._at: float | None = None
        self._seen: Mapping[str, Work] = {}
        self.seconds: dict[str, float] = {}

    def look(self, now: float, works: Mapping[str, Work]) -> None:
        """``now`` in s of any clock that does not go back."""
        passed = 0.0 if self._at is None else min(now - self._at, self._longest)
        self.seconds = {
            name: self.seconds.get(name, 0.0) + passed if work.left and self._seen.get(name) == work else 0.0
            for name, work in works.items()
        }  # an excuse, or nothing to do, at either end: nobody knows since when it might have moved
        self._at, self._seen = now, dict(works)


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
        self._away: str | None = None
        self._shown: set[Place] = set()
        self._named: set[str] = set()
        self._oldest: dict[Place, tuple[int, float | None]] = {}
        self._next_oldest = 0.0
        self._stop = threading.Event()

    def start(self) -> Callable[[], None]:
        """Look until the returned function is called."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        return self._stop.set

    def fault(self) -> str | None:
        """What does not move though it should (for /healthz); None when all is well."""
        stalled = {name: s for name, s in self._standing.seconds.items() if 0 < self._stalled_s <= s}
        return "; ".join(f"{name} has not moved for {s:.0f} s" for name, s in sorted(stalled.items())) or None

    def look(self) -> None:
        """One look: measure, show, and end the process if it has to be."""
        nexts, followed = self._progress.places(), self._progress.followed()
        positions = {(topic, 0): offset for read in followed.values() for topic, offset in read.items()}
        away, ends = self._measure(nexts, positions)
        owned = {place: end for place, end in ends.items() if place not in positions}
        works = self._owned(nexts, owned, away) | _following(followed, ends, away) | self._watched(away)
        self._standing.look(self._clock(), works)
        if fault := self.fault():
            logger.error("stalled", fault=fault, consequence="the process ends, a supervisor starts it again")
            self._end()
        self._show({**nexts, **positions}, ends)
        self._show_oldest(nexts, owned)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a watchdog that has died would be missed by nobody
                logger.error("watchdog-failed", fault=repr(error))

    def _measure(
        self, nexts: Mapping[Place, int], positions: Mapping[Place, int]
    ) -> tuple[str | None, Mapping[Place, int]]:
        try:
            ends = self._ends.measure(nexts, positions)
        except KafkaException as away:
            return self._told(str(away.args[0])), {}
        return self._told(None), ends

    def _told(self, away: str | None) -> str | None:
        """Say once that Kafka is away, and once that it is back."""
        if away and not self._away:
            logger.warning("ends-unknown", detail=away, consequence="no lag is shown; who waits for Kafka is excused")
        if self._away and not away:
            logger.info("ends-known")
        self._away = away
        return away

    def _owned(self, nexts: Mapping[Place, int], ends: Mapping[Place, int], away: str | None) -> dict[str, Work]:
        excused, beats = self._excused(Excuse.ANYTHING, away), self._progress.beats
        return {
            f"{topic} {number}": Work((offset, beats), not excused and ends.get((topic, number), 0) > offset)
            for (topic, number), offset in nexts.items()
        }

    def _watched(self, away: str | None) -> dict[str, Work]:
        looked = {name: (one.look(), one.excuse) for name, one in self._progress.watched().items()}
        return {
            name: Work(work.at, work.left and not self._excused(excuse, away))
            for name, (work, excuse) in looked.items()
        }

    def _excused(self, excuse: Excuse, away: str | None) -> bool:
        if excuse is Excuse.NOTHING:
            return False
        said = self._excuse() or self._progress.excuse() if excuse is Excuse.ANYTHING else None
        return (said or away) is not None

    def _show(self, offsets: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        self._forget(ends.keys())
        for place, end in ends.items():
            metrics.LAG.labels(*place).set(max(0, end - offsets[place]))
        for name, seconds in self._standing.seconds.items():
            metrics.STALLED_SECONDS.labels(name).set(seconds)

    def _forget(self, places: Set[Place]) -> None:
        """What went elsewhere, or is shown no more, or has an end that nobody knows now."""
        for place in self._shown - places:
            metrics.remove(metrics.LAG, *place)
            metrics.remove(metrics.OLDEST_SECONDS, *place)
        for name in self._named - self._standing.seconds.keys():
            metrics.remove(metrics.STALLED_SECONDS, name)
        self._shown, self._named = set(places), set(self._standing.seconds)

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


def watch(
    kafka_settings: KafkaSettings,
    settings: WatchdogSettings,
    excuse: Check = lambda: None,
    *,
    needed: Sequence[str] = (),
) -> Watchdog:
    """The watchdog of this process; ``start`` it. ``needed``: topics that must take records, else Kafka counts as away."""
    return Watchdog(HERE, LogEnds(kafka_settings, needed), settings.stalled_s, excuse=excuse)


def _following(
    followed: Mapping[str, Mapping[str, int]], ends: Mapping[Place, int], away: str | None
) -> dict[str, Work]:
    """Nothing but Kafka excuses a reader: what the process waits for may be what the reader does not bring."""
    behind = {
        name: any(ends.get((topic, 0), 0) > offset for topic, offset in read.items()) for name, read in followed.items()
    }
    return {name: Work(tuple(sorted(read.items())), behind[name] and away is None) for name, read in followed.items()}
