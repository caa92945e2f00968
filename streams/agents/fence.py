"""The fence in front of the decoder: which generation each record of a batch is decoded in, and who may not decode it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from streams import log, metrics, progress
from streams.agents.batch import Batch
from streams.agents.generations import Hashes, NoGeneration, Run, in_force, runs
from streams.agents.up_to_date import SOON_S, UpToDate
from streams.core.codec_record import Codec
from streams.core.records import Generation, Rule
from streams.core.signed_topic import SignedTopic
from streams.registry.hashes import codec_line, hash_of_lines, rule_line, topic_line
from streams.settings import KafkaSettings
from streams.view import CompactedView

T = TypeVar("T", bound=msgspec.Struct)
Change = tuple[bytes, tuple[bytes, T] | None]
"""A key, and its new line and record; None: it is gone."""

VERSIONS_KEPT = 64
OPENED_WITHIN_S = 60
"""A generation follows the change of code, codecs, rules or signed topics that it is opened for."""

LOOK_S, SAY_AGAIN_S = 0.5, 15

logger = log.get("fence")


class Outdated(Exception):
    """This worker must not decode the record: no old code writes under a new generation."""


class Versions(Generic[T]):
    """Every set of records that a registry topic has held lately, by its hash.

    A rule may change twice before the agent looks; records before a fence still need the rules before it. Sets are made and
    hashed when somebody looks, of the last changes only: a topic of thousands is read at the start, and each was a set.
    """

    def __init__(self, settings: KafkaSettings, name: str, kind: type[T], line_of: Callable[[T], bytes]) -> None:
        self.view = CompactedView(settings, name, kind, self._changed)
        self._line_of, self._lock = line_of, threading.Lock()
        self._by_hash: dict[str, tuple[T, ...]] = {hash_of_lines(()): ()}
        self._held: dict[bytes, tuple[bytes, T]] = {}
        """line and record by key, without the changes that wait"""
        self._waiting: deque[Change[T]] = deque()

    @property
    def hashes(self) -> Collection[str]:
        """The hashes of the sets that are known."""
        self._look()
        return self._by_hash.keys()

    def get(self, digest: str) -> tuple[T, ...]:
        """The set with that hash."""
        self._look()
        return self._by_hash[digest]

    def _changed(self, key: bytes, record: T | None, _offset: int) -> None:
        """In the view's thread."""
        change = key, None if record is None else (self._line_of(record), record)
        with self._lock:
            self._waiting.append(change)
            if len(self._waiting) > VERSIONS_KEPT:
                self._apply(*self._waiting.popleft())

    def _look(self) -> None:
        """Know the set after each change that waits."""
        with self._lock:
            while self._waiting:
                self._apply(*self._waiting.popleft())
                self._keep()

    def _apply(self, key: bytes, its: tuple[bytes, T] | None) -> None:
        if its is None:
            self._held.pop(key, None)
        else:
            self._held[key] = its

    def _keep(self) -> None:
        records = tuple(record for _, record in self._held.values())
        digest = hash_of_lines(line for line, _ in self._held.values())
        others = [(known, its) for known, its in self._by_hash.items() if known != digest]
        self._by_hash = dict([*others[1 - VERSIONS_KEPT :], (digest, records)])


class Fence:
    """Follows generations, codecs, rules and signed topics, and lets a batch pass when it is known how to decode all of it.

    A generation is announced before its fences are read. So whoever has a record beyond a fence finds the announcement,
    if he looks for it after he got the record; then he waits for the fences.
    """

    def __init__(self, settings: KafkaSettings, code: str) -> None:
        self._code = code
        self.generations = CompactedView(settings, "generations", Generation, self._opened)
        self._now = UpToDate(settings, self.generations)
        self.codecs = Versions(settings, "codecs", Codec, codec_line)
        self.rules = Versions(settings, "rules", Rule, rule_line)
        self.topics = Versions(settings, "signed-topics", SignedTopic, topic_line)
        self._announced: dict[int, int] = {}
        self._said = "", 0.0

    def views(self) -> Sequence[CompactedView[Any]]:
        """All that must be caught up."""
        return (self.generations, self.codecs.view, self.rules.view, self.topics.view)

    def hashes(self) -> Hashes:
        """What this worker can decode with, now."""
        return Hashes(self._code, self.codecs.hashes, self.rules.hashes, self.topics.hashes)

    async def runs(self, batch: Batch) -> list[Run]:
        """The batch cut at the fences, each run with its generation; empty when the batch was abandoned meanwhile.

        Waits for the first generation, and a while for one that fits.

        Raises:
            Outdated: none fits.
        """
        began, partition = time.monotonic(), batch.tp.partition
        while not batch.abandoned:
            if not await self._up_to_date(batch):
                continue
            generations = tuple(self.generations.data.values())
            try:
                cut = runs(generations, partition, batch.first, batch.last, self.hashes())
            except NoGeneration as stuck:
                why = explain(generations, partition, stuck.offset, self._code)
                if generations and time.monotonic() - began > OPENED_WITHIN_S:
                    raise Outdated(why) from stuck
                self._say(why, partition, stuck.offset)
                await batch.pause(LOOK_S)
            else:
                self._announce(partition, cut)
                return cut
        return []

    async def _up_to_date(self, batch: Batch) -> bool:
        """Whether all is known that was announced before this moment; if not, some time has passed."""
        if not await self._now.reached(batch):
            return False
        known = tuple(self.generations.data.values())  # the view's thread adds to them meanwhile
        if announced := [generation.number for generation in known if not generation.fences]:
            self._say(f"generation {announced[0]} is announced, and has no fences yet", batch.tp.partition, batch.first)
            await batch.pause(SOON_S)
        return not announced

    def _say(self, why: str, partition: int, offset: int) -> None:
        """Once, and again now and then."""
        progress.HERE.waits(why)
        now = time.monotonic()
        if why != self._said[0] or now - self._said[1] > SAY_AGAIN_S:
            self._said = why, now
            logger.warning("waiting for a generation", partition=partition, offset=offset, why=why)

    def _opened(self, _key: bytes, _generation: Generation | None, _offset: int) -> None:
        numbers = [generation.number for generation in self.generations.data.values()]
        metrics.GENERATION_NEWEST.set(max(numbers, default=-1))

    def _announce(self, partition: int, cut: Iterable[Run]) -> None:
        for run in cut:
            number = run.generation.number
            if self._announced.get(partition) != number:
                self._announced[partition] = number
                metrics.GENERATION.labels(partition).set(number)
                logger.info("generation in force", partition=partition, generation=number, offset=run.first)


def explain(generations: Collection[Generation], partition: int, offset: int, code: str) -> str:
    """Why a worker with this code cannot decode the record yet.

    Raises:
        Outdated: it never will: its code has been replaced by a newer generation's.
    """
    current = in_force(generations, partition, offset)
    if current is None:
        return "no generation has been opened yet: the API opens the first one when it starts"
    if current.code == code:
        parts = f"codecs {current.codecs}, rules {current.rules} and topics {current.topics}"
        return f"generation {current.number} has {parts}, not all seen yet"
    if any(g.code == code for g in generations):
        raise Outdated(
            f"raw partition {partition}, offset {offset} is past the fence of generation {current.number}, which is "
            f"decoded by code {current.code}; this worker has {code}: start the newer version"
        )
    return f"no generation has this worker's code {code}: start the API of the same version, which opens one"
