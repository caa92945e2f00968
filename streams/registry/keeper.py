"""What the writer does without being asked: registers sources, opens generations, tells the registry what was seen."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice

from confluent_kafka import KafkaException

from streams import log
from streams.metrics import DEVICES_REFUSED
from streams.progress import Work
from streams.registry import devices, generations, requests
from streams.registry.sighting_log import SightingLog
from streams.registry.sightings import Sighting, labelled, sight, source_of, welcome
from streams.registry.state import STREAMS, Author, Change, State
from streams.registry.store import Role, Store, Unavailable
from streams.settings import KafkaSettings

RETRY_S = 1.0
DEVICES_AT_ONCE = 500
"""New or seen devices in one transaction."""
SAY_AGAIN_S = 60.0

logger = log.get("registry.keeper")


class Keeper:
    """Serves while this process writes the registry, and waits while it does not.

    ``told`` gets what was written of devices that were seen; it must not block. ``device_limit``: so many devices of a source
    register themselves.
    """

    def __init__(
        self,
        store: Store,
        settings: KafkaSettings,
        *,
        sources: Iterable[str],
        code: str,
        seen_every_s: float,
        device_limit: int,
        told: Callable[[Sequence[Change]], None] = lambda _: None,
    ) -> None:
        self._store, self._settings, self._seen_every_s = store, settings, seen_every_s
        self._sources, self._code = dict.fromkeys(sources, ""), code
        self._told, self._device_limit = told, device_limit
        self._said: dict[str, float] = {}
        self._busy, self._turns = asyncio.Lock(), 0

    def work(self) -> Work:
        """For the watchdog: while it serves, it goes round. Asked from any thread."""
        return Work(self._turns, left=self._store.role is Role.WRITER)

    async def run(self) -> None:
        """Serve until cancelled; a fault ends one attempt, not the keeper."""
        while True:
            await self._store.until(lambda: self._store.role is Role.WRITER)
            self._turns += 1
            try:
                async with self._busy:
                    await self._serve()
            except (Unavailable, KafkaException, TimeoutError) as fault:
                logger.warning("registry chores wait", fault=str(fault))
                await asyncio.sleep(RETRY_S)

    async def idle(self) -> None:
        """Wait until it serves no more, which follows within a second when the store stops writing."""
        async with self._busy:
            return

    async def open_generation(
        self, author: Author, *, if_due: bool = False, once: bool = False, above: int = 0
    ) -> Sequence[Change]:
        """Open the next generation at today's fences; ``if_due``: only when the newest one is outdated.

        ``once``: only when none has been opened for this very reason, so that a caller may ask again. ``above``: a number
        that it, or that one, has to be beyond.

        Raises:
            Unavailable: another process writes, or Kafka is away.
        """

        def command(state: State) -> Sequence[Change]:
            due = not if_due or generations.why_due(state, self._code)
            done = once and any(held.why == author.why and n > above for n, held in state.generations.items())
            return generations.announce(state, author, self._code, above) if due and not done else ()

        announced = await self._store.change(command)
        await self._fence()
        if announced:
            logger.info("generation opened", number=announced[0].key, why=author.why)
        return announced

    async def _fence(self) -> None:
        """Give fences to what is announced, also by a process that has died since: until then nothing is decoded."""
        announced = generations.announced(self._store.state)
        if not announced:
            return
        try:
            ends = await asyncio.to_thread(generations.fences, self._settings)
            appended = await asyncio.to_thread(generations.appended_at, self._settings)
        except (KafkaException, TimeoutError) as error:
            raise Unavailable("Kafka does not say where raw ends.") from error
        at = generations.opened_at(time.time_ns(), ends, appended)
        await self._store.change(lambda state: generations.fence(state, announced, ends, at))

    async def _serve(self) -> None:
        await self._store.change(partial(devices.declare_sources, names=self._sources, author=_author()))
        events = await asyncio.to_thread(SightingLog, self._settings, self._store.member)
        try:
            await self._watch(events)
        finally:
            await asyncio.to_thread(events.close)

    async def _watch(self, events: SightingLog) -> None:
        written = time.monotonic()
        while self._store.role is Role.WRITER:
            self._turns += 1
            if (why := generations.why_due(self._store.state, self._code)) is not None:
                await self.open_generation(_author(why), if_due=True)
            await self._fence()
            await asyncio.to_thread(events.read)
            await self._tell_labels(events)
            if time.monotonic() - written >= self._seen_every_s:
                await self._tell(events, list(events.pending))
                await asyncio.to_thread(events.commit)
                await self._store.change(lambda state: requests.expired(state, time.time_ns()))
                written = time.monotonic()
            else:
                await self._tell(events, [key for key in events.pending if self._store.state.by_key(key) is None])

    async def _tell_labels(self, events: SightingLog) -> None:
        if events.labels:
            await self._store.change(partial(labelled, labels=events.labels, author=_author()))
            events.labels.clear()

    async def _tell(self, events: SightingLog, keys: Sequence[str]) -> None:
        waiting = iter(keys)
        while some := {key: events.pending[key] for key in islice(waiting, DEVICES_AT_ONCE)}:
            admitted = welcome(self._store.state, some, self._device_limit)
            self._refuse({key: sighting for key, sighting in some.items() if key not in admitted})
            self._turns += 1
            self._told(await self._store.change(partial(sight, sightings=admitted, author=_author())))
            for key in some:
                del events.pending[key]

    def _refuse(self, sightings: Mapping[str, Sighting]) -> None:
        """Devices beyond the limit are counted, and named once a minute; what they say is stored all the same."""
        for key, sighting in sightings.items():
            source, now = source_of(key, sighting), time.monotonic()
            DEVICES_REFUSED.labels(source).inc()
            if now - self._said.get(source, -SAY_AGAIN_S) >= SAY_AGAIN_S:
                self._said[source] = now
                logger.warning("device-limit", source=source, limit=self._device_limit, not_registered=key,
                               remedy="raise api.device_limit, or find who makes devices up")  # fmt: skip


def _author(why: str = "") -> Author:
    return Author(STREAMS, time.time_ns(), why)
