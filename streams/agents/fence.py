"""The fence in front of the decoder: which generation each record of a batch is decoded in, and who may not decode it."""

import time
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
from streams.registry.hashes import codecs_hash, rules_hash, topics_hash
from streams.settings import KafkaSettings
from streams.view import CompactedView

T = TypeVar("T", bound=msgspec.Struct)

VERSIONS_KEPT = 64
OPENED_WITHIN_S = 60
"""A generation follows the change of code, codecs, rules or signed topics that it is opened for."""

LOOK_S, SAY_AGAIN_S = 0.5, 15

logger = log.get("fence")


class Outdated(Exception):
    """This worker must not decode the record: no old code writes under a new generation."""


class Versions(Generic[T]):
    """Every set of records that a registry topic has held lately, by its hash.

    A rule may change twice before the agent looks; records before a fence still need the rules before it.
    """

    def __init__(
        self, settings: KafkaSettings, name: str, kind: type[T], hash_of: Callable[[Iterable[T]], str]
    ) -> None:
        self.view = CompactedView(settings, name, kind, self._changed)
        self._hash_of = hash_of
        self._by_hash: dict[str, tuple[T, ...]] = {hash_of(()): ()}

    @property
    def hashes(self) -> Collection[str]:
        """The hashes of the sets that are known."""
        return self._by_hash.keys()

    def get(self, digest: str) -> tuple[T, ...]:
        """The set with that hash."""
        return self._by_hash[digest]

    def _changed(self, _key: bytes, _record: T | None, _offset: int) -> None:
        records = tuple(self.view.data.values())
        digest = self._hash_of(records)
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
        self.codecs = Versions(settings, "codecs", Codec, codecs_hash)
        self.rules = Versions(settings, "rules", Rule, rules_hash)
        self.topics = Versions(settings, "signed-topics", SignedTopic, topics_hash)
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
        if announced := [g.number for g in self.generations.data.values() if not g.fences]:
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
