"""A client that gives no sign of Kafka is asked whether it still knows it; one that has lost Kafka says so."""

from types import SimpleNamespace as Of
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException

from streams import kafka
from streams.settings import KafkaSettings

UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)


class Client:
    """Counts what it is asked; Kafka has these brokers, and the topic this fault."""

    def __init__(self, brokers: tuple[int, ...] = (1,), fault: KafkaError | None = None) -> None:
        self._brokers, self._fault, self.asked = brokers, fault, 0

    def list_topics(self, topic: str, timeout: float) -> Any:
        self.asked += 1
        return Of(brokers=dict.fromkeys(self._brokers), topics={topic: Of(error=self._fault)})


def doubt(client: Client) -> kafka.Doubt:
    return kafka.Doubt(cast(Consumer, client), "t.raw")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    return clock


def test_who_gives_no_sign_for_five_seconds_is_asked_and_then_every_five(now: list[float]) -> None:
    client = Client()
    doubted = doubt(client)
    asked = []
    for now[0] in (104.9, 105.0, 109.9, 110.0):
        doubted.look(sign=False)
        asked.append(client.asked)

    assert asked == [0, 1, 1, 2]


def test_who_gives_signs_is_not_asked(now: list[float]) -> None:
    client = Client()
    doubted = doubt(client)
    for now[0], sign in ((104.0, True), (108.9, False), (109.0, True), (113.9, False)):
        doubted.look(sign=sign)

    assert client.asked == 0


@pytest.mark.parametrize("client", [Client(brokers=()), Client(fault=UNKNOWN)], ids=["no-broker", "topic-is-gone"])
def test_an_answer_without_a_broker_or_with_a_fault_is_none(client: Client, now: list[float]) -> None:
    doubted = doubt(client)
    now[0] += 5

    with pytest.raises(KafkaException):
        doubted.look(sign=False)


def test_a_real_client_that_reaches_nobody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "DOUBT_S", 0)
    monkeypatch.setattr(kafka, "REACHED_S", 0.1)
    client = kafka.consumer(KafkaSettings(bootstrap_servers="127.0.0.1:1"), None)

    with pytest.raises(KafkaException):
        kafka.Doubt(client, "raw").look(sign=False)
    client.close()
