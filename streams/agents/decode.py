"""Decode agent: raw -> readings, dead letters and device events. All meaning is in ``streams.core``."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain, repeat, takewhile

from msgspec.structs import replace

from streams import avro, kafka, log, metrics, pipeline, progress
from streams.agents import app
from streams.agents.batch import Batch, Consumed
from streams.agents.fence import Fence
from streams.agents.generations import Run
from streams.agents.memories import Memories
from streams.agents.notices import Notices
from streams.agents.output import (
    DEAD_LETTERS,
    EVENTS,
    MEMORIES,
    READINGS,
    Outgoing,
    Output,
    largest_reading,
    raw_records,
)
from streams.agents.pace import Pace
from streams.agents.up_to_date import UpToDate
from streams.agents.view import MappingView, Views
from streams.core.decode import Context, decode_batch
from streams.core.memory import portions
from streams.core.records import Generation, Lineage, RawRecord
from streams.javascript.codec import LANGUAGE
from streams.registry.hashes import code_hash
from streams.settings import Settings

RAW = "raw"
BACK_OFF_S = (0.2, 0.5, 1, 2, 5)
FLUSH_WITHIN_S = 10
AT_ONCE_BYTES = 256_000
"""what is decoded without a thread: no source takes a second for it"""

logger = log.get("decode")


def run(settings: Settings) -> None:
    """Decode until SIGTERM.

    Raises:
        SystemExit: with status 1, when it failed.
    """
    topics = (RAW, READINGS, DEAD_LETTERS, EVENTS, MEMORIES)
    app.run(settings, topics, lambda: make(settings), settings.decode.health_port)


def make(settings: Settings) -> app.App:
    """The app: views first, then the agent."""
    mapping, fence = MappingView(settings.kafka), Fence(settings.kafka, code_hash(settings.decode))
    memories, producer = Memories(settings.kafka), kafka.BatchProducer(settings.kafka, timeout_s=FLUSH_WITHIN_S)
    agent = DecodeAgent(settings, mapping, fence, memories, producer)
    made = app.create_app(
        settings.kafka, "decode", instance=settings.decode.instance, batch_max=settings.decode.batch_max,
        prerequisites=[Views(mapping, memories.view, *fence.views())],
    )  # fmt: skip
    made.handle(kafka.topic(settings.kafka, RAW), agent.handle)
    return made


class DecodeAgent:
    """Handles one batch at a time; it is done when all that follows from it is durable."""

    def __init__(
        self, settings: Settings, mapping: MappingView, fence: Fence, memories: Memories, producer: kafka.BatchProducer
    ) -> None:
        self._settings, self._mapping, self._fence = settings, mapping, fence
        self._mapping_now = UpToDate(settings.kafka, mapping)
        self._memories, self._producer = memories, producer
        self._notices = Notices(settings.decode.seen_interval_s * 1_000_000_000)
        self._confluent = avro.confluent_schemas(settings.kafka.schema_directory)
        self._contexts: dict[tuple[str, str, str], Context] = {}
        self._pace = Pace()

    async def handle(self, batch: Batch) -> None:
        """Decode, produce, wait until durable; returns without when the batch is abandoned.

        Raises:
            Outdated: the records are past the fence of a generation that this worker's code is not of.
            Unable: JavaScript codecs cannot be run on this machine now.
        """
        runs = await self._runs(batch)
        output = Output(largest_reading(self._settings.kafka), self._notices.passes)
        for run in runs:
            await self._decode_run(batch, run, output)
        if runs and await self._deliver(batch, output.records):
            self._memories.passed(batch)
            batch.done()
            output.count()
        else:
            self._notices.forget()

    async def _runs(self, batch: Batch) -> list[Run]:
        """How to decode the batch, once all is known that was said before; empty when it was abandoned meanwhile.

        The mapping too: what is decoded with one of some seconds ago is not looked at again (``connectors/replays/placing.py``).
        """
        runs = await self._fence.runs(batch) if await self._memories.reach(batch) else []
        while runs and not await self._mapping_now.reached(batch):
            if batch.abandoned:
                return []
        return runs

    async def _decode_run(self, batch: Batch, run: Run, output: Output) -> None:
        """What may take seconds is waited for outside: it must not silence heartbeats and health."""
        parts = self._decode(batch, run, self._context(run.generation), output)
        outside = self._may_take_long(batch, run.generation)
        while await self._next(parts, outside=outside) is not None:
            if output.is_enough and await self._deliver(batch, output.records):
                output.sent()

    async def _next(self, parts: Iterator[int], *, outside: bool) -> int | None:
        """Decode one more part; None: that was all."""
        if outside:
            return await asyncio.get_running_loop().run_in_executor(None, next, parts, None)
        await asyncio.sleep(0)  # others have their turn between two parts
        return next(parts, None)

    def _may_take_long(self, batch: Batch, generation: Generation) -> bool:
        """Vendors' JavaScript, or large bodies."""
        size = sum(len(record.value or b"") for record in batch.records)
        codecs = self._fence.codecs.get(generation.codecs)
        return size > AT_ONCE_BYTES or any(codec.language == LANGUAGE for codec in codecs)

    def _decode(self, batch: Batch, run: Run, context: Context, output: Output) -> Iterator[int]:
        """Part by part, as it is asked for; ends early when the batch is abandoned, of which nothing more is sent then."""
        records = [record for record in batch.records if run.first <= record.offset <= run.last]
        partition = batch.tp.partition
        for some in takewhile(lambda _: not batch.abandoned, self._pace.slices(records)):
            decoded = raw_records(partition, some, self._confluent, output)
            for part in takewhile(lambda _: not batch.abandoned, portions(decoded, context.decoders)):
                self._decode_part(partition, part, run.generation.number, context, output)
                progress.HERE.beat()
                yield len(part)

    def _decode_part(
        self,
        partition: int,
        decoded: Sequence[tuple[RawRecord, Consumed]],
        generation: int,
        context: Context,
        output: Output,
    ) -> None:
        """What it remembers is known to the next part, as if both were one."""
        items = [(raw, Lineage(partition, record.offset), generation) for raw, record in decoded]
        outcomes = decode_batch(items, context)
        for (raw, lineage, _), (_, record), outcome in zip(items, decoded, outcomes, strict=True):
            output.add(raw, lineage, record.key, outcome)
            if outcome.memory is not None:
                self._memories.add(outcome.memory, lineage)

    def _context(self, generation: Generation) -> Context:
        """With the codecs, rules and signed topics of the generation, and the mapping as it is now."""
        key = (generation.codecs, generation.rules, generation.topics)
        if key not in self._contexts:
            self._contexts = {key: self._new_context(generation)}
        return replace(self._contexts[key], mapping_position=self._mapping.position)

    def _new_context(self, generation: Generation) -> Context:
        codecs, rules = self._fence.codecs.get(generation.codecs), self._fence.rules.get(generation.rules)
        topics = self._fence.topics.get(generation.topics)
        decode, mapping, recollect = self._settings.decode, self._mapping.get, self._memories
        return pipeline.context(decode, mapping, codecs=codecs, rules=rules, topics=topics, recollect=recollect)

    async def _deliver(self, batch: Batch, records: Sequence[Outgoing]) -> bool:
        """Produce all, again and again until all is durable; False when the batch was abandoned before."""
        for back_off in chain(BACK_OFF_S, repeat(BACK_OFF_S[-1])):
            if batch.abandoned:
                break
            try:
                await self._produce(records)
            except kafka.Undelivered as fault:
                logger.warning("batch not delivered, trying again", partition=batch.tp.partition, fault=str(fault))
                metrics.BATCHES_RETRIED.labels("decode").inc()
                progress.HERE.waits(str(fault))
                await batch.pause(back_off)
            else:
                return True
        return False

    async def _produce(self, records: Sequence[Outgoing]) -> None:
        """Outside: while Kafka is away there may be no room for all that a batch becomes, for as long as it is."""
        await asyncio.get_running_loop().run_in_executor(None, self._send, records)

    def _send(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            self._producer.send(record.topic, record.key, record.value)
        self._producer.flush()
