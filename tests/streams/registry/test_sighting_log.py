"""Sightings do not stand still with a client that has lost Kafka."""

from threading import Thread

import pytest
from confluent_kafka import KafkaException, Message

from streams import avro, kafka
from streams.core.records import DeviceEvent
from streams.registry.sighting_log import SightingLog
from streams.settings import KafkaSettings
from tests.streams.registry.clients import Client, Lost, in_turn

EVENT = DeviceEvent(kind="seen", device="ttn:aa", source="ttn", at=500, correlation_id="c1", source_ids={})


def event() -> Message:
    return Message(topic="device-events", partition=0, offset=4, value=avro.encode(EVENT))


def reading(monkeypatch: pytest.MonkeyPatch, client: Client) -> SightingLog:
    in_turn(monkeypatch, client)
    return SightingLog(KafkaSettings(), "a")


def test_a_client_that_has_lost_kafka_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    log = reading(monkeypatch, Lost(event()))
    log.read()
    assert set(log.pending) == {"ttn:aa"}

    with pytest.raises(KafkaException):
        log.read()


def test_a_quiet_topic_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(event())
    log = reading(monkeypatch, client)
    for _ in range(3):
        log.read()

    assert (client.asked, set(log.pending)) == (2, {"ttn:aa"})


def test_nobody_waits_long_for_the_end_of_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ENDING_S", 0.01)
    lost = Lost()

    reading(monkeypatch, lost).close()

    assert lost.let_go.wait(10)
    assert not lost.closed.is_set()
    lost.ends.set()


def test_a_client_that_ends_takes_no_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would take them holding Python's lock, and may wait for ever: the whole process would stand."""
    client = Client()
    log = reading(monkeypatch, client)
    client.callbacks["on_assign"](client, [])
    log.close()

    given = Thread(target=client.callbacks["on_assign"], args=(client, []), daemon=True)
    given.start()
    given.join(0.2)

    assert given.is_alive()
