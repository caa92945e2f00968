"""The decode agent without Kafka: slices of a batch become what the batch becomes, and an abandoned one is left."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, cast

import pytest
from faust.types import TP
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams import avro, progress
from streams.agents import decode
from streams.agents import output as output_module
from streams.agents.batch import Batch
from streams.agents.decode import DecodeAgent
from streams.agents.fence import Fence
from streams.agents.generations import Run
from streams.agents.memories import Memories
from streams.agents.output import Outgoing, Output
from streams.agents.view import MappingView
from streams.core.codec_record import Codec
from streams.core.decode import Context, decode_batch
from streams.core.records import DeviceEvent, Generation, RawRecord
from streams.registry.hashes import codecs_hash, rules_hash
from streams.settings import Settings
from tests import sparkplug
from tests.contracts.test_decoder import body_of, came
from tests.contracts.test_memory import told
from tests.streams.agents.test_batch import Record

CODE = "function decodeUplink(i) { return { data: { first: i.bytes[0] } }; }"
SCRIPT = Codec(
    name="javascript",
    hash=sha256(CODE.encode()).hexdigest(),
    language="javascript",
    code=CODE,
    applies_to=["application:campus"],
)
RAWS = [
    came(source, case, body_of(case)) for source in ("ttn", "csv", "vibration", "sparkplug") for case in told(source)
]


class OfSize:
    """Slices of one size; ``then`` is called after each."""

    def __init__(self, size: int, then: Callable[[], None] = lambda: None) -> None:
        self._size, self._then = size, then

    def slices(self, records: Sequence[Any]) -> Iterator[Sequence[Any]]:
        for at in range(0, len(records), self._size):
            yield records[at : at + self._size]
            self._then()


def agent(pace: OfSize | None = None, codecs: tuple[Codec, ...] = ()) -> DecodeAgent:
    loaded = Settings()
    fence = Fence(loaded.kafka, "code")
    fence.codecs._by_hash[codecs_hash(codecs)] = codecs
    made = DecodeAgent(loaded, MappingView(loaded.kafka), fence, Memories(loaded.kafka), cast(Any, None))
    made._pace = cast(Any, pace or made._pace)
    return made


def batch(raws: Sequence[RawRecord | bytes]) -> Batch:
    values = [raw if isinstance(raw, bytes) else avro.encode(raw) for raw in raws]
    stamp = 1_715_382_002_000
    return Batch(TP("raw", 0), [Record(offset, stamp, b"key", value) for offset, value in enumerate(values)])


def run_of(its: Batch, codecs: tuple[Codec, ...] = ()) -> Run:
    generation = Generation(
        number=1, fences={"0": 0}, code="code", codecs=codecs_hash(codecs), rules=rules_hash(()), opened_at=0,
        opened_by="test", why="test",
    )  # fmt: skip
    return Run(its.first, its.last, generation)


def made_of(its: Batch, one: DecodeAgent, codecs: tuple[Codec, ...] = ()) -> list[Outgoing]:
    def every(_event: DeviceEvent) -> bool:
        return True

    output = Output(1_000_000, every)
    asyncio.run(one._decode_run(its, run_of(its, codecs), output))
    return output.records


def by_topic(sent: list[Outgoing]) -> dict[str, list[Outgoing]]:
    """In their order, but for dead letters: those of bytes that are no record come before the others of their slice."""
    found: dict[str, list[Outgoing]] = defaultdict(list)
    for one in sent:
        found[one.topic].append(one)
    found["dead-letters"].sort(key=str)
    return found


@settings(max_examples=60, deadline=None)
@example([next(raw for raw in RAWS if raw.source == "csv"), b"no avro"] * 2, 1)
@given(st.lists(st.sampled_from([*RAWS, b"no avro"]), max_size=12), st.integers(1, 4))
def test_slices_become_what_the_whole_becomes_memories_included(raws: list[RawRecord | bytes], size: int) -> None:
    if raws:
        its = batch(raws)
        whole = made_of(its, agent(OfSize(len(raws))))
        assert by_topic(made_of(its, agent(OfSize(size)))) == by_topic(whole)


def test_a_codec_in_javascript_answers_slices_as_it_answers_the_whole() -> None:
    uplinks = [raw for raw in RAWS if raw.source == "ttn"] * 3

    its = batch(uplinks)
    whole = made_of(its, agent(OfSize(len(uplinks)), (SCRIPT,)), (SCRIPT,))

    assert sum(b"javascript@" in record.value for record in whole) == 3
    assert made_of(its, agent(OfSize(2), (SCRIPT,)), (SCRIPT,)) == whole


def test_it_shows_after_each_slice_that_it_works() -> None:
    before = progress.HERE.beats

    made_of(batch([b"no avro"] * 10), agent(OfSize(3)))

    assert progress.HERE.beats - before == 4


def test_a_batch_that_is_abandoned_is_left_after_the_slice_and_nothing_of_it_is_sent() -> None:
    its = batch([b"no avro"] * 10)
    one = agent(OfSize(3, its.abandon))

    assert len(made_of(its, one)) == 3
    assert not asyncio.run(one._deliver(its, [Outgoing("readings", None, b"")]))


@pytest.mark.parametrize(
    ("value", "codecs", "outside"),
    [(bytes(256_000), (), False), (bytes(256_001), (), True), (b"", (SCRIPT,), True), (b"", (), False)],
)
def test_the_loop_goes_on_while_large_bodies_or_javascript_are_decoded(
    monkeypatch: pytest.MonkeyPatch, value: bytes, codecs: tuple[Codec, ...], outside: bool
) -> None:
    threads = []

    def noting(items: Sequence[Any], context: Context) -> Any:
        threads.append(threading.current_thread())
        return decode_batch(items, context)

    monkeypatch.setattr(decode, "decode_batch", noting)
    made_of(batch([value]), agent(codecs=codecs), codecs)

    assert [thread is not threading.main_thread() for thread in threads] == [outside]


class Noting:
    """A producer that takes all, and notes after how many records it was waited for."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.flushed: list[int] = []

    def send(self, topic: str, _key: bytes | None, value: bytes) -> None:
        self.sent.append((topic, value))

    def flush(self) -> None:
        """All of it is durable."""
        self.flushed.append(len(self.sent))


def death(node: str) -> RawRecord:
    return RawRecord(
        id="0190", source="sparkplug", transport="mqtt", address=f"spBv1.0/plant/NDEATH/{node}", received_at=1,
        payload=sparkplug.payload(),
    )  # fmt: skip


def test_what_a_few_bytes_become_is_sent_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each death of a node is that of its 2,000 devices: a batch of 2,000 took six gigabytes, and again after each end."""
    monkeypatch.setattr(output_module, "ENOUGH_RECORDS", 500)
    one, producer, sizes = agent(OfSize(1_000)), Noting(), list[int]()
    one._producer = cast(Any, producer)
    births = [replace(death("line-1"), address=f"spBv1.0/plant/DBIRTH/line-1/d{number}") for number in range(10)]
    its, output = batch([*births, *[death("line-1")] * 290]), Output(1_000_000, lambda _: False)

    def noting(items: Sequence[Any], context: Context) -> Any:
        sizes.append(len(items))
        return decode_batch(items, context)

    monkeypatch.setattr(decode, "decode_batch", noting)
    asyncio.run(one._decode_run(its, run_of(its), output))

    assert sizes == [30, *[20] * 13, 10]
    assert producer.flushed == [680, 1_340, 2_000, 2_660, 3_210]
    assert output.records == []


def test_an_abandoned_batch_is_left_between_two_parts_of_a_slice() -> None:
    one, producer = agent(OfSize(1_000)), Noting()
    one._producer = cast(Any, producer)
    its, output = batch([death("line-1")] * 300), Output(1_000_000, lambda _: False)
    its.abandon()

    asyncio.run(one._decode_run(its, run_of(its), output))

    assert (output.records, producer.sent) == ([], [])


class Full:
    """A producer that has no room, until there is some."""

    def __init__(self) -> None:
        self.room = threading.Event()
        self.sent: list[bytes] = []

    def send(self, _topic: str, _key: bytes | None, value: bytes) -> None:
        assert self.room.wait(2)
        self.sent.append(value)

    def flush(self) -> None:
        """All of it is durable."""


def test_the_loop_goes_on_while_there_is_no_room_for_what_is_sent() -> None:
    """A batch may become more than a producer holds; while Kafka was away, health and signals had no answer."""
    one, producer = agent(), Full()
    one._producer = cast(Any, producer)

    async def meanwhile() -> bool:
        delivering = asyncio.create_task(one._deliver(batch([b"no avro"]), [Outgoing("readings", None, b"a")]))
        await asyncio.sleep(0)
        producer.room.set()
        return await delivering

    assert asyncio.run(meanwhile())
    assert producer.sent == [b"a"]
