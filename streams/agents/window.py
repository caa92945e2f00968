"""Window agent: readings to aggregates, and to repairs where the store has to say (see ``streams.core.coverage``).

It stores nothing. What a frozen or killed worker knew, its successor reads back from ``readings``; what a zombie still
writes carries a label that its successor's outdoes.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
from faust.types import TP
from mode import Service

from streams import avro, log, metrics, progress
from streams.agents import app
from streams.agents.batch import Batch, Consumed
from streams.agents.horizon import MS, Stretch, read_back
from streams.agents.view import Views
from streams.core.coverage import BEGINNING, known
from streams.core.fold import Unfoldable, Windows
from streams.core.records import Aggregate, DeadLetter, Generation, Reading, Repair
from streams.core.times import SECOND
from streams.core.window import Rule
from streams.kafka import BatchProducer, Undelivered, topic
from streams.raw import point_ahead
from streams.settings import Settings
from streams.view import CompactedView

TOPICS = ("readings", "aggregates", "generations", "dead-letters")
MOST_WAITING = 20_000
"""records folded and not yet sent; beyond it the agent sends at once, so that they take little memory"""
FLUSH_WITHIN_S = 10
BACK_OFF_S = (0.2, 0.5, 1, 2, 5)

logger = log.get("window")


class Outgoing(msgspec.Struct, frozen=True):
    """One record to send; ``partition`` -1: chosen by its key."""

    topic: str
    key: bytes
    record: Aggregate | Repair | DeadLetter
    partition: int = -1


class Held(msgspec.Struct):
    """One partition: its windows, the offset after the last one folded, and what is being read back until ``halt``."""

    windows: Windows
    position: int
    earlier: Future[Windows | None] | None
    halt: threading.Event = msgspec.field(default_factory=threading.Event)

    def drop(self) -> None:
        """Nobody asks for what is read back: it ends, or does not begin, since others wait for the same thread."""
        self.halt.set()
        if self.earlier is not None:
            self.earlier.cancel()


class WindowAgent:
    """Folds batches at once and sends what they touched each ``emit_interval_s``; only then are they done."""

    def __init__(self, settings: Settings, generations: Mapping[bytes, Generation]) -> None:
        self._settings, self._generations = settings, generations
        self.rule = rule_of(settings)
        self._memory = settings.window.memory_mb * 2**20
        self._held: dict[int, Held] = {}
        self._waiting: list[Batch] = []
        self._letters: list[Outgoing] = []
        self._producer = BatchProducer(settings.kafka, timeout_s=FLUSH_WITHIN_S)
        self._readers = ThreadPoolExecutor(1, "horizon")
        self._sending, self._due = asyncio.Lock(), 0.0

    async def handle(self, batch: Batch) -> None:
        """Fold a batch; send when it is time."""
        self._take(batch)
        if time.monotonic() >= self._due or sum(map(len, self._waiting)) >= MOST_WAITING:
            await self.send()

    async def send(self) -> None:
        """Send what was touched, then mark as done what touched it; when Kafka is away, try again until it is not."""
        async with self._sending:
            self._due = time.monotonic() + self._settings.window.emit_interval_s
            batches, self._waiting = self._waiting, []
            records, self._letters = [*self._letters, *self._touched()], []
            self._relieve()
            if await self._delivered(records, batches):
                for batch in batches:
                    batch.done()

    def keep(self, partitions: Iterable[int]) -> None:
        """Drop what is held of all other partitions: they have another owner."""
        kept = set(partitions)
        before, self._held = self._held, {p: held for p, held in self._held.items() if p in kept}
        for partition in before.keys() - kept:
            before[partition].drop()
        self._waiting = [batch for batch in self._waiting if batch.tp.partition in kept]

    def close(self) -> None:
        """End the background reader."""
        for held in self._held.values():
            held.drop()
        self._readers.shutdown(cancel_futures=True)

    def _take(self, batch: Batch) -> None:
        held = self._hold(batch)
        for record in batch.records:
            self._fold(held.windows, record, batch.tp.partition)
        held.position = max(held.position, batch.last + 1)
        self._waiting.append(batch)

    def _begin_anew(self, unsent: Iterable[Batch]) -> None:
        """With the batches that are not abandoned: those of the next assignment, which nobody will deliver again."""
        ours = [batch for batch in (*unsent, *self._waiting) if not batch.abandoned]
        self.keep(())
        self._letters.clear()
        for batch in ours:
            self._take(batch)

    def _hold(self, batch: Batch) -> Held:
        """What is held of the batch's partition; begun anew after a gap, which another owner has handled."""
        partition = batch.tp.partition
        held = self._held.get(partition)
        if held is None or batch.first > held.position:
            if held is not None:
                held.drop()
            held = self._held[partition] = self._begin(partition, batch.first, batch.records[0].timestamp * MS)
        return held

    def _begin(self, partition: int, first: int, log_time: int) -> Held:
        if first == 0:
            return Held(Windows(self.rule, BEGINNING), first, None)
        stretch, halt = Stretch(partition, first, log_time), threading.Event()
        earlier = self._readers.submit(read_back, self._settings.kafka, stretch, self.rule, self._memory, halt)
        return Held(Windows(self.rule, log_time), first, earlier, halt)

    def _fold(self, windows: Windows, record: Consumed, partition: int) -> None:
        try:
            windows.fold(avro.decode(record.value or b"", Reading), record.offset, record.timestamp * MS)
        except avro.AvroError as fault:
            self._reject(record, partition, fault.reason, fault.detail)
        except (msgspec.ValidationError, Unfoldable) as fault:
            self._reject(record, partition, "unfoldable", str(fault))

    def _reject(self, record: Consumed, partition: int, reason: str, detail: str) -> None:
        metrics.DEAD_LETTERS.labels("window", reason).inc()
        letter = DeadLetter(
            stage="window", reason=reason, detail=f"readings {partition}, offset {record.offset}: {detail}",
            raw_partition=-1, raw_offset=-1, at=time.time_ns(),
        )  # fmt: skip
        self._letters.append(Outgoing("dead-letters", record.key or b"", letter))

    def _touched(self) -> Iterator[Outgoing]:
        generations = known(list(self._generations.values()))
        for partition, held in self._held.items():
            _merge_earlier(held)
            for record in held.windows.emit(generations):
                yield Outgoing("aggregates", record.device.encode(), record, partition)
                _count(record)
            held.windows.close_past()

    def _relieve(self) -> None:
        """Close the oldest windows while memory is short: later points of them become repairs."""
        every = [held.windows for held in self._held.values()]
        while sum(windows.weight for windows in every) > self._memory:
            oldest = min((w for w in every if w.oldest is not None), key=lambda w: w.oldest or 0)
            oldest.close(oldest.oldest or 0)
        metrics.WINDOWS_OPEN.set(sum(windows.open for windows in every))

    async def _delivered(self, records: list[Outgoing], batches: list[Batch]) -> bool:
        """Whether all is durable. False: some of the batches were abandoned first, and will be delivered again.

        What was emitted is in no window's news any more, so windows begin anew then.
        """
        attempt = 0
        while records:
            try:
                await asyncio.to_thread(self._deliver, records)
                return True
            except Undelivered as fault:
                logger.warning("sending again", records=len(records), fault=str(fault))
                metrics.BATCHES_RETRIED.labels("window").inc()
                progress.HERE.waits(str(fault))
            if any(batch.abandoned for batch in batches):
                self._begin_anew(batches)
                return False
            delay = BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)]
            await (batches[0].pause(delay) if batches else asyncio.sleep(delay))
            attempt += 1
        return True

    def _deliver(self, records: list[Outgoing]) -> None:
        for out in records:
            self._producer.send(out.topic, out.key, avro.encode(out.record), out.partition)
        self._producer.flush()


class Clock(Service):
    """Sends when no batch comes to do it."""

    def __init__(self, agent: WindowAgent, interval_s: float, **kwargs: Any) -> None:
        self._agent, self._interval_s = agent, interval_s
        super().__init__(**kwargs)

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            await self.sleep(self._interval_s)
            await self._agent.send()

    async def on_stop(self) -> None:
        """Send the rest; the consumer, which stops later, commits it."""
        await self._agent.send()


def rule_of(settings: Settings) -> Rule:
    """The windows of an installation, and their tolerances."""
    window = settings.window
    return Rule.of_seconds(
        window.base_s,
        hold=window.fold_tolerance_s + window.grace_s,
        ahead=point_ahead(settings) / SECOND,
    )


def run(settings: Settings) -> None:
    """Run the window agent until SIGTERM or SIGINT."""
    generations = CompactedView(settings.kafka, "generations", Generation)
    agents: list[WindowAgent] = []

    def make() -> app.App:
        agents.append(WindowAgent(settings, generations.data))
        return _create_app(settings, agents[0], Views(generations))

    try:
        app.run(settings, TOPICS, make, settings.window.health_port)
    finally:
        for agent in agents:
            agent.close()


def _create_app(settings: Settings, agent: WindowAgent, views: Views) -> app.App:
    made = app.create_app(
        settings.kafka, "window", instance=settings.window.instance, batch_max=settings.window.batch_max,
        prerequisites=(views, Clock(agent, settings.window.emit_interval_s)),
    )  # fmt: skip

    def keep(_app: Any, /, *arguments: Any, signal: Any, **_: Any) -> None:  # noqa: ARG001  # the signal gives it
        assigned: set[TP] = arguments[0]
        agent.keep(tp.partition for tp in assigned)

    made.on_partitions_assigned.connect(keep, weak=False)
    made.handle(topic(settings.kafka, "readings"), agent.handle)
    return made


def _merge_earlier(held: Held) -> None:
    if held.earlier is not None and held.earlier.done():
        earlier, held.earlier = held.earlier.result(), None
        if earlier is not None:
            held.windows.merge(earlier)


def _count(record: Aggregate | Repair) -> None:
    counter = metrics.AGGREGATES if isinstance(record, Aggregate) else metrics.REPAIRS
    counter.labels(record.window).inc()
