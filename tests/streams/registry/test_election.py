"""An election whose client has lost Kafka goes on with another; who holds office is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from streams.registry import election
from streams.registry.election import Election
from streams.settings import KafkaSettings
from tests.stack.harness import eventually
from tests.streams.registry.clients import Client, Lost, in_turn

FOLLOWER, WRITER, NOBODY = "follower", "writer", "nobody"


class Office:
    """A writer without Kafka."""

    def __init__(self, _: KafkaSettings) -> None:
        self.broken = False

    def open(self) -> None:
        pass

    def close(self) -> None:
        self.broken = True


@contextmanager
def standing(monkeypatch: pytest.MonkeyPatch, *clients: Client) -> Iterator["Queue[Any]"]:
    """What an election tells that gets these clients, one after another."""
    told: Queue[Any] = Queue()
    in_turn(monkeypatch, *clients)
    monkeypatch.setattr(election, "Writer", Office)
    monkeypatch.setattr(election, "BACK_OFF_S", 0.001)
    one = Election(KafkaSettings(), "a", lambda w: told.put(WRITER if w else FOLLOWER), lambda: told.put(NOBODY))
    one.start()
    try:
        yield told
    finally:
        one.stop()


def test_a_client_that_has_lost_kafka_is_let_go_and_the_next_one_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost()

    with standing(monkeypatch, lost, Client(owner=True)) as told:
        assert [told.get(timeout=10), told.get(timeout=10)] == [NOBODY, WRITER]
        assert lost.let_go.wait(10)
        assert not lost.closed.is_set(), "nobody waited for its end"
        lost.ends.set()


def test_a_client_that_was_let_go_deposes_nobody_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, next_one = Lost(), Client(owner=True)

    with standing(monkeypatch, lost, next_one) as told:
        assert [told.get(timeout=10), told.get(timeout=10)] == [NOBODY, WRITER]
        lost.ends.set()
        assert lost.closed.wait(10)
        assert told.empty()
        assert not next_one.closed.is_set()


def test_a_client_that_was_let_go_takes_no_partitions_while_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost()

    with standing(monkeypatch, lost, Client(owner=True)) as told:
        assert [told.get(timeout=10), told.get(timeout=10)] == [NOBODY, WRITER]
        given = Thread(target=lost.callbacks["on_assign"], args=(lost, []), daemon=True)
        given.start()
        given.join(0.05)
        assert given.is_alive()
        lost.ends.set()


def test_a_follower_whose_client_answers_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()

    with standing(monkeypatch, client) as told:
        assert told.get(timeout=10) == FOLLOWER
        eventually(lambda: client.asked > 2)
        assert told.empty()
    assert client.closed.is_set(), "who withdraws waits for the end of its client"


def test_who_holds_office_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(owner=True)

    with standing(monkeypatch, client) as told:
        assert told.get(timeout=10) == WRITER
        eventually(lambda: client.polled > 5)
    assert client.asked == 0


def test_an_absence_of_kafka_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, said = [Lost(), Lost(), Lost()], list[str]()
    monkeypatch.setattr(election.logger, "warning", lambda event, **_: said.append(event))

    with standing(monkeypatch, *lost, Client()) as told:
        assert [told.get(timeout=10) for _ in range(4)] == [NOBODY, NOBODY, NOBODY, FOLLOWER]
        for client in lost:
            client.ends.set()
    assert said == ["election starts again"]


def test_another_absence_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    follower, said = Client(), list[str]()
    monkeypatch.setattr(election.logger, "warning", lambda event, **_: said.append(event))

    with standing(monkeypatch, Lost(), follower, Client()) as told:
        assert [told.get(timeout=10), told.get(timeout=10)] == [NOBODY, FOLLOWER]
        monkeypatch.setattr(follower, "list_topics", Lost().list_topics)
        assert [told.get(timeout=10), told.get(timeout=10)] == [NOBODY, FOLLOWER]
    assert said == ["election starts again"] * 2
