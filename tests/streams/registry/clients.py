"""Kafka clients of tests: one at work, and one that has lost Kafka for good and does not end either."""

import time
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace as Of
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streams import kafka


class Client:
    """Brings these messages, one at a time, then nothing; its group gives it a partition, or none, when it asks."""

    def __init__(self, *messages: Message, owner: bool = False) -> None:
        self.messages, self._owner, self.asked, self.polled = list(messages), owner, 0, 0
        self.assigned: list[TopicPartition] = []
        self.closed, self._joins = Event(), False

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.topics, self.callbacks, self._joins = topics, callbacks, bool(callbacks)

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def poll(self, timeout: float) -> Message | None:
        self.polled += 1
        if self._joins:
            self._joins = False
            self.callbacks["on_assign"](self, [TopicPartition("leader", 0)] if self._owner else [])
        return next(iter(self.consume(1, timeout)), None)

    def consume(self, limit: int, timeout: float) -> list[Message]:
        if not self.messages:
            time.sleep(min(timeout, 0.001))
        return [self.messages.pop(0) for _ in range(min(limit, len(self.messages)))]

    def list_topics(self, topic: str, timeout: float) -> Any:
        self.asked += 1
        return Of(brokers={1: Of()}, topics={topic: Of(error=None)})

    def get_watermark_offsets(self, _: TopicPartition, timeout: float, cached: bool = False) -> tuple[int, int]:
        return 0, 3

    def close(self) -> None:
        self.closed.set()


class Lost(Client):
    """Brings nothing and tells nothing. Its end waits for what never comes, until ``ends`` is set."""

    def __init__(self, *messages: Message) -> None:
        super().__init__(*messages)
        self.let_go, self.ends = Event(), Event()

    def poll(self, timeout: float) -> Message | None:
        return next(iter(self.consume(1, timeout)), None)

    def list_topics(self, topic: str, timeout: float) -> Any:
        self.asked += 1
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def get_watermark_offsets(self, _: TopicPartition, timeout: float, cached: bool = False) -> tuple[int, int]:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def close(self) -> None:
        self.let_go.set()
        self.ends.wait(30)
        if "on_lost" in getattr(self, "callbacks", {}):
            self.callbacks["on_lost"](self, [])
        self.closed.set()


def in_turn(monkeypatch: pytest.MonkeyPatch, *clients: Client) -> None:
    """Whoever makes a consumer gets the next of these; who gives no sign is asked at once."""
    left = iter(clients)
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: next(left))
    monkeypatch.setattr(kafka, "DOUBT_S", 0)
