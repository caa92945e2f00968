"""What a window agent forgets when its batches are taken away, and what it must not."""

import asyncio
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition

from streams import avro
from streams.agents import window
from streams.agents.batch import Batch
from streams.agents.window import WindowAgent
from streams.core.records import Aggregate, Generation, Measurement, Reading
from streams.core.times import SECOND
from streams.kafka import Undelivered
from streams.settings import Settings

NOON = 1_700_000_040 * SECOND
"""of a whole minute"""


FIRST = Generation(
    number=1, fences={"0": 0}, code="", codecs="", rules="", opened_at=0, opened_by="", why="the first generation"
)


@dataclass
class Record:
    """A reading as the agent gets it."""

    offset: int
    value: bytes | None
    timestamp: int = NOON // 1_000_000
    key: bytes | None = b"json:a"


class Producer:
    """Confirms nothing, until it is told to."""

    def __init__(self, refuses: Callable[[], bool]) -> None:
        self._refuses = refuses
        self.sent: list[bytes] = []
        self.confirmed: list[bytes] = []

    def send(self, _topic: str, _key: bytes, value: bytes, _partition: int) -> None:
        self.sent.append(value)

    def flush(self) -> None:
        sent, self.sent = self.sent, []
        if self._refuses():
            raise Undelivered("unconfirmed")
        self.confirmed += sent


def batch(*numbers: int, partition: int = 0) -> Batch:
    return Batch(
        cast(Any, TopicPartition("readings", partition)), [Record(number, reading(number)) for number in numbers]
    )


def reading(number: int) -> bytes:
    point = Measurement(name="t", unit="C", time=NOON + number * SECOND, value=float(number), text=None, quality=0)
    return avro.encode(
        Reading(
            id=f"{number}", device="json:a", source="json", correlation_id="", received_at=NOON, time=NOON,
            raw_partition=0, raw_offset=number, index=0, generation=1, decoder="json", codec=None, mapping_position=-1,
            physical_uid=None, source_ids={}, measurements=[point],
        )
    )  # fmt: skip


def test_batches_of_the_next_assignment_are_handled_though_those_of_the_last_one_could_not_be_sent() -> None:
    """Else they were never done: nothing more was committed, and their points were in no aggregate."""

    async def rebalanced() -> tuple[Batch, Producer]:
        agent = WindowAgent(Settings(), {b"1": FIRST})
        answers = iter([True, False])
        agent._producer = cast(Any, producer := Producer(lambda: next(answers)))
        agent._due = math.inf
        before, after = batch(0, 1, 2), batch(*range(6))
        await agent.handle(before)
        sending = asyncio.create_task(agent.send())
        await asyncio.sleep(0)
        agent._due = math.inf
        before.abandon()
        await agent.handle(after)
        await sending
        await agent.send()
        agent.close()
        return after, producer

    after, producer = asyncio.run(rebalanced())

    assert after.is_done
    windows = [avro.decode(value, Aggregate) for value in producer.confirmed]
    assert [(window.window, window.count, window.sum) for window in windows] == [(60, 6, 15.0), (300, 6, 15.0)]


class ReadBack:
    """Reads back until it is told to stop; ``begun`` and ``ended`` tell which partitions."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self._steps = threading.Semaphore(0)

    def __call__(self, _kafka: object, stretch: Any, _rule: object, _memory: int, halt: threading.Event) -> None:
        self.begun.append(stretch.partition)
        self._steps.release()
        assert halt.wait(10)
        self.ended.append(stretch.partition)
        self._steps.release()

    def step(self, count: int = 1) -> None:
        """Wait for the next beginnings and ends."""
        assert all(self._steps.acquire(timeout=5) for _ in range(count))


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> ReadBack:
    monkeypatch.setattr(window, "read_back", found := ReadBack())
    return found


def test_what_is_read_back_of_a_partition_that_goes_away_is_given_up(read_back: ReadBack) -> None:
    """One thread reads back: what nobody asks for any more would keep all others waiting."""
    agent = WindowAgent(Settings(), {b"1": FIRST})
    for partition in (0, 1, 2):
        agent._take(batch(7, partition=partition))
    read_back.step()
    agent.keep([2])
    read_back.step(2)
    assert (read_back.begun, read_back.ended) == ([0, 2], [0])
    agent.close()
    assert read_back.ended == [0, 2]


def test_what_is_read_back_before_a_gap_is_given_up(read_back: ReadBack) -> None:
    agent = WindowAgent(Settings(), {b"1": FIRST})
    agent._take(batch(7))
    read_back.step()
    agent._take(batch(9))
    read_back.step(2)
    assert (read_back.begun, read_back.ended) == ([0, 0], [0])
    agent.close()
