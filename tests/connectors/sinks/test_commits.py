"""A commit ends while records are taken; what fails is made again, and one that never ends is no waiting."""

import pytest
from confluent_kafka import KafkaError

from connectors.sinks.commit import Commit, Start
from tests.connectors.sinks.memberships import RAW_0, Client, owning


def test_a_commit_ends_while_records_are_taken() -> None:
    client = Client()
    owner = owning(client)

    owner.commit({RAW_0: 5}, lambda _: "")
    owner.commit({RAW_0: 7}, lambda _: "")
    assert client.committed == []
    owner.take(1, 0)
    assert client.committed == [5]

    owner.commit({RAW_0: 7}, lambda _: "")
    owner.close()
    assert client.committed == [5, 7]


def test_what_is_committed_is_no_news() -> None:
    client = Client()
    owner = owning(client)
    for _ in range(3):
        owner.commit({RAW_0: 5}, lambda _: "")
        owner.take(1, 0)

    assert client.committed == [5]
    owner.close()


def test_what_was_committed_of_an_assignment_that_is_over_says_nothing_of_the_next() -> None:
    client = Client()
    owner = owning(client)
    owner.commit({RAW_0: 5}, lambda _: "")
    owner._own([Start(RAW_0, 3, "")])
    owner.take(1, 0)

    owner.commit({RAW_0: 4}, lambda _: "")
    owner.take(1, 0)

    assert client.committed == [5, 4]
    owner.close()


def test_a_commit_that_fails_is_made_again() -> None:
    client = Client(error=KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS))
    owner = owning(client)
    owner.commit({RAW_0: 5}, lambda _: "")
    owner.take(1, 0)
    assert client.committed == []

    client._error = None
    owner.commit({RAW_0: 5}, lambda _: "")
    owner.take(1, 0)

    assert client.committed == [5]
    owner.close()


def test_a_commit_by_who_is_no_member_ends_the_membership() -> None:
    owner = owning(Client(error=KafkaError(KafkaError.FENCED_INSTANCE_ID)))
    owner.commit({RAW_0: 5}, lambda _: "")

    assert owner.take(1, 0) == []
    assert owner._consumer is not None
    assert not isinstance(owner._consumer, Client), "it has joined with a client of its own"
    owner.close()


def test_a_commit_that_never_ends_ends_the_process_and_a_freeze_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr("os._exit", statuses.append)
    commit = Commit({RAW_0: 5}, frozenset(), looked_at=0)

    commit.look(1_000)
    for second in range(1, 30):
        commit.look(1_000 + second)
    assert statuses == []
    commit.look(1_030)

    assert statuses == [1]
