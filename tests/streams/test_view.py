"""A view whose client lost Kafka before it had read anything takes another one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import KafkaError, Message

from streams import avro, view
from streams.core.records import LogicalDevice
from streams.settings import KafkaSettings
from streams.view import CompactedView
from tests.stack.harness import eventually
from tests.streams.registry.clients import Client, Lost, in_turn

TOPIC = "logical-devices"


def place(uid: int, offset: int) -> Message:
    value = avro.encode(LogicalDevice(uid=uid, name="p"))
    return Message(topic=TOPIC, partition=0, offset=offset, key=str(uid).encode(), value=value)


def end(offset: int) -> Message:
    return Message(topic=TOPIC, partition=0, offset=offset, error=KafkaError(KafkaError._PARTITION_EOF))


@contextmanager
def reading(monkeypatch: pytest.MonkeyPatch, *clients: Client) -> Iterator[CompactedView[LogicalDevice]]:
    """A view that gets these clients, one after another."""
    in_turn(monkeypatch, *clients)
    monkeypatch.setattr(view, "BACK_OFF_S", (0.001,))
    one = CompactedView(KafkaSettings(), TOPIC, LogicalDevice).start()
    try:
        yield one
    finally:
        one.stop()


def test_a_client_that_lost_kafka_before_it_was_told_of_an_empty_topic_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = Lost()

    with reading(monkeypatch, lost, Client(end(0))) as one:
        assert one.wait_ready(10)
        assert lost.let_go.wait(10)
        assert not lost.closed.is_set(), "nobody waited for its end"
        assert (one.error, one.reached) == ("", 0)
        lost.ends.set()


def test_the_next_client_reads_on_where_one_was_lost_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, next_one = Lost(place(1, 0)), Client(place(2, 1), end(2))

    with reading(monkeypatch, lost, next_one) as one:
        assert one.wait_ready(10)
        assert [(start.topic, start.partition, start.offset) for start in next_one.assigned] == [(TOPIC, 0, 1)]
        assert sorted(one.data) == [b"1", b"2"]
        lost.ends.set()


def test_a_client_that_answers_is_kept_until_it_has_read_all_and_then_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Client()

    with reading(monkeypatch, client) as one:
        eventually(lambda: client.asked > 2)
        client.messages.append(end(0))
        assert one.wait_ready(10)
        asked = client.asked
        client.messages.append(place(1, 0))
        eventually(lambda: one.reached == 1)
        assert client.asked == asked
        assert not client.closed.is_set()
    assert client.closed.is_set(), "who ends waits for the end of its client"
