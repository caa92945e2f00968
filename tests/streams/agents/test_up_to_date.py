"""Nothing is decoded before a view holds all that had been said; a view that stands still takes another client."""

import asyncio
from collections.abc import Iterator
from threading import Event
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams import kafka
from streams.agents import up_to_date
from streams.agents.batch import Batch
from streams.agents.topic_end import TopicEnd
from streams.agents.up_to_date import catch_up
from streams.settings import KafkaSettings
from streams.view import CompactedView
from tests.streams.agents.consumed import Record


class View:
    """Reaches an offset further each time that it is asked, or only once it has another client."""

    def __init__(self, *, lost: bool) -> None:
        self.renewed, self._lost, self._at = 0, lost, 0

    @property
    def reached(self) -> int:
        self._at += not self._lost
        return self._at

    def renew(self) -> None:
        self.renewed, self._lost = self.renewed + 1, False


def caught_up(view: View, batch: Batch) -> bool:
    return asyncio.run(catch_up(cast(CompactedView[Any], view), 3, batch))


def batch() -> Batch:
    return Batch(cast(Any, TopicPartition("raw", 0)), [Record()])


def test_it_waits_until_all_is_known() -> None:
    view = View(lost=False)

    assert caught_up(view, batch())
    assert (view._at, view.renewed) == (3, 0)


def test_a_view_that_kafka_is_ahead_of_for_long_takes_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up_to_date, "DOUBT_S", 0.0)
    view = View(lost=True)

    assert caught_up(view, batch())
    assert view.renewed >= 1


def test_an_abandoned_batch_waits_for_nothing() -> None:
    given_up = batch()
    given_up.abandon()

    assert not caught_up(View(lost=True), given_up)


class Client:
    """Answers, or has lost Kafka."""

    def __init__(self, *, lost: bool) -> None:
        self.lost, self.closed = lost, Event()

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        if self.lost:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return 0, 9

    def close(self) -> None:
        self.closed.set()


def test_who_asks_for_an_end_in_vain_asks_with_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Client(lost=True), Client(lost=False)
    clients: Iterator[Client] = iter([first, second])
    monkeypatch.setattr(kafka, "consumer", lambda *_: next(clients))

    async def asked() -> int:
        end = TopicEnd(KafkaSettings(), "generations")
        with pytest.raises(KafkaException):
            await end.now()
        return await end.now()

    assert asyncio.run(asked()) == 9
    assert first.closed.wait(10)
