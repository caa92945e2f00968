"""Reading back with a client that has lost Kafka, and after retention has overtaken it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import kafka
from streams.agents import horizon
from streams.agents.horizon import MS, Stretch, read_back
from streams.agents.window import rule_of
from streams.core.coverage import BEGINNING
from streams.core.fold import Windows
from streams.settings import Settings

SETTINGS = Settings()
NOW = 1_700_000_000_000
"""ms"""


@dataclass
class Stored:
    """A record that no window takes: what is read back of it does not matter here."""

    number: int

    def offset(self) -> int:
        return self.number

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return b""

    def timestamp(self) -> tuple[int, int]:
        return 1, NOW


@dataclass
class Reader:
    """A client of a log of ``records``, the first of which is ``low`` once it has been assigned."""

    records: list[int]
    low: int = 0
    lost: bool = False
    asked: int = 0
    assigned: bool = False
    closed: threading.Event = field(default_factory=threading.Event)
    ends: threading.Event = field(default_factory=threading.Event)

    def assign(self, _: list[TopicPartition]) -> None:
        self.assigned = True

    def consume(self, _count: int, timeout: float) -> list[Stored]:
        given, self.records = self.records, []
        time.sleep(0 if given else min(timeout, 0.01))
        return [Stored(number) for number in given]

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked += 1
        if self.lost and self.assigned:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return self.low if self.assigned else 0, 9

    def offsets_for_times(self, wanted: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [TopicPartition(place.topic, place.partition, 0) for place in wanted]

    def close(self) -> None:
        self.closed.set()
        self.ends.wait(10)


Start = Callable[..., Windows | None]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Reads [0, 4) back with one client after the other, in a thread that the test does not wait for."""
    halt, thread, made = threading.Event(), ThreadPoolExecutor(1), list[Reader]()
    monkeypatch.setattr(horizon, "QUIET_S", 0.1)
    monkeypatch.setattr(horizon, "BACK_OFF_S", 0)

    def begin(*readers: Reader) -> Windows | None:
        made.extend(readers)
        clients: Iterator[Any] = iter(readers)
        monkeypatch.setattr(kafka, "consumer", lambda *_: next(clients))
        stretch = Stretch(0, 4, NOW * MS)
        return thread.submit(read_back, SETTINGS.kafka, stretch, rule_of(SETTINGS), 2**20, halt).result(5)

    yield begin
    halt.set()
    for reader in made:
        reader.ends.set()
    thread.shutdown()


def test_a_client_that_has_lost_kafka_is_let_go_and_another_one_reads(start: Start) -> None:
    """It gives nothing and says nothing, and its end may never come: all other partitions waited for it, for ever."""
    lost, other = Reader([0, 1], lost=True), Reader([0, 1, 2, 3])
    other.ends.set()
    found = start(lost, other)
    assert found is not None
    assert found.covered_from == BEGINNING
    assert lost.closed.wait(5)
    assert not lost.ends.is_set()


def test_a_client_that_answers_is_kept_however_long_nothing_comes(start: Start) -> None:
    slow = Reader([])
    slow.ends.set()
    arriving = threading.Timer(0.5, lambda: slow.records.extend([0, 1, 2, 3]))
    arriving.start()
    assert start(slow) is not None
    assert slow.asked > 2


@pytest.mark.parametrize("records", [[0, 1], [0, 1, 7]], ids=["nothing after it", "records after it"])
def test_what_retention_deletes_meanwhile_is_not_waited_for_and_not_known(start: Start, records: list[int]) -> None:
    overtaken = Reader(records, low=7)
    overtaken.ends.set()
    found = start(overtaken)
    assert found is not None
    assert found.covered_from == NOW * MS
