"""How much is unpacked at once, on aiokafka's own fetcher over records that are already there."""

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import CorruptRecordException
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.agents.fetch import BATCH_BYTES, ConsumerThread
from tests.streams.agents.test_batch import Record

ONE, OTHER = TP("raw", 0), TP("raw", 1)
LARGE = bytes(355_000)


class Unpacked:
    """Records of a fetch, counted when they are unpacked; ``broken``: the offset at which they are damaged."""

    def __init__(self, values: list[bytes], broken: int | None = None) -> None:
        self.next_fetch_offset = 0
        self._values, self._broken = iter(values), broken

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        if self.next_fetch_offset == self._broken:
            raise CorruptRecordException
        value = next(self._values)
        self.next_fetch_offset += 1
        return Record(self.next_fetch_offset - 1, value=value)


class Assignment:
    active = True

    def __init__(self) -> None:
        self.position, self.paused = 0, False

    def state_value(self, _tp: TP) -> "Assignment":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


class Asked:
    """A consumer thread over what has been fetched."""

    def __init__(self, fetched: Mapping[TP, Unpacked]) -> None:
        subscriptions = SimpleNamespace(
            reassignment_in_progress=False, fetch_context=nullcontext, is_assigned=lambda _: True
        )
        fetcher = Fetcher.__new__(Fetcher)
        fetcher._closed, fetcher._subscriptions, fetcher._wait_consume_future = False, subscriptions, None
        fetcher._records = {
            tp: FetchResult(tp, assignment=Assignment(), partition_records=its, backoff=0)
            for tp, its in fetched.items()
        }
        self._kafka: Any = SimpleNamespace(_fetcher=fetcher, _closed=False)
        self._thread = ConsumerThread.__new__(ConsumerThread)
        self._thread.consumer = SimpleNamespace(flow_active=True)  # type: ignore[assignment]  # a fake

    def ask(self, most: int = 2000) -> dict[TP, list[int]]:
        asked = self._thread._fetch_records(self._kafka, {ONE, OTHER}, timeout=0, max_records=most)
        return {tp: [record.offset for record in records] for tp, records in asyncio.run(asked).items()}


def test_it_finds_the_method_that_it_overrides() -> None:
    parameters = inspect.signature(AIOKafkaConsumerThread._fetch_records).parameters
    assert list(parameters) == ["self", "consumer", "active_partitions", "timeout", "max_records"]


def test_of_large_records_few_are_unpacked_and_the_next_question_goes_on_after_them() -> None:
    kafka = Asked({ONE: Unpacked([LARGE] * 40)})

    assert BATCH_BYTES == 4_000_000
    assert [kafka.ask() for _ in range(4)] == [
        {ONE: [*range(16)]}, {ONE: [*range(16, 32)]}, {ONE: [*range(32, 40)]}, {},
    ]  # fmt: skip


def test_small_records_come_as_many_as_they_may_and_in_order_whatever_the_partition() -> None:
    kafka = Asked({ONE: Unpacked([b"1"] * 70), OTHER: Unpacked([b"1"] * 70)})

    assert kafka.ask(100) == {ONE: [*range(70)], OTHER: [*range(30)]}
    assert kafka.ask(100) == {OTHER: [*range(30, 70)]}


def test_a_fault_after_some_records_loses_none_of_them() -> None:
    kafka = Asked({ONE: Unpacked([b"1"] * 20), OTHER: Unpacked([b"1"] * 70, broken=40)})

    found = kafka.ask()

    assert found[ONE] == [*range(20)]
    assert found[OTHER] == [*range(len(found[OTHER]))]
    assert 0 < len(found[OTHER]) <= 40
