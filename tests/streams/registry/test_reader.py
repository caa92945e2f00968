"""The registry is read on with another client where one that has lost Kafka had come to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Queue

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from streams import avro, topics
from streams.core.records import LogicalDevice
from streams.registry import reader
from streams.registry.reader import Reader
from streams.registry.state import LOGICAL
from streams.settings import KafkaSettings
from tests.stack.harness import eventually
from tests.streams.registry.clients import Client, Lost, in_turn


def place(uid: int, offset: int) -> Message:
    value = avro.encode(LogicalDevice(uid=uid, name="p"))
    return Message(topic=LOGICAL, partition=0, offset=offset, key=str(uid).encode(), value=value)


def end(offset: int) -> Message:
    return Message(topic=LOGICAL, partition=0, offset=offset, error=KafkaError(KafkaError._PARTITION_EOF))


@contextmanager
def following(monkeypatch: pytest.MonkeyPatch, *clients: Client) -> "Iterator[Queue[Mapping[str, int]]]":
    """How far a reader is that gets these clients, one after another."""
    reached: Queue[Mapping[str, int]] = Queue()
    in_turn(monkeypatch, *clients)
    monkeypatch.setattr(topics, "check", lambda *_, **__: None)
    monkeypatch.setattr(reader, "BACK_OFF_S", (0.001,))
    one = Reader(KafkaSettings(), lambda _, position: reached.put(position), lambda _: None)
    one.start()
    try:
        yield reached
    finally:
        one.stop()


def test_a_client_that_has_lost_kafka_is_let_go_and_the_next_one_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, next_one = Lost(place(1, 0)), Client(place(2, 1), end(3))

    with following(monkeypatch, lost, next_one) as reached:
        assert [reached.get(timeout=10), reached.get(timeout=10)] == [{LOGICAL: 1}, {LOGICAL: 3}]
        assert {place.offset for place in next_one.assigned if place.topic == LOGICAL} == {1}
        assert lost.let_go.wait(10)
        assert not lost.closed.is_set(), "nobody waited for its end"
        lost.ends.set()


def test_a_client_that_answers_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(end(3))

    with following(monkeypatch, client):
        eventually(lambda: client.asked > 2)
        assert not client.closed.is_set()
    assert client.closed.wait(10)


def test_an_absence_of_kafka_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, said = [Lost(), Lost(), Lost(place(1, 0)), Lost()], list[str]()
    monkeypatch.setattr(reader.logger, "warning", lambda event, **_: said.append(event))

    with following(monkeypatch, *lost, Client(end(3))) as reached:
        assert [reached.get(timeout=10), reached.get(timeout=10)] == [{LOGICAL: 1}, {LOGICAL: 3}]
        for client in lost:
            client.ends.set()
    assert said == ["waiting for the registry's topics"] * 2, "once before it read something, and once after"


def test_a_question_for_the_ends_does_not_wait_for_the_end_of_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost()
    in_turn(monkeypatch, lost)

    with pytest.raises(KafkaException):
        Reader(KafkaSettings(), lambda *_: None, lambda _: None).ends()

    assert lost.let_go.wait(10)
    assert not lost.closed.is_set()
    lost.ends.set()
