"""A client that a sink lets go tells nothing more, takes no partitions, and is not waited for."""

from collections.abc import Callable
from threading import Thread

import pytest
from confluent_kafka import KafkaError

from connectors.sinks.consumption import Consumption
from streams import kafka
from tests.connectors.sinks.memberships import Client, Endless, with_client


def test_a_client_that_never_ends_is_not_waited_for_and_says_nothing_more() -> None:
    lost = Endless()
    consumption = with_client(lost)
    consumption.subscribe(lambda _: None, lambda: None)
    spoken = consumption._ours(consumption._tell)

    consumption._join_again("lost")
    spoken(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))

    assert lost.let_go.wait(10)
    assert consumption.take(1, 0.01) == []
    assert consumption._failed is None
    lost.ended.set()
    consumption.close()


@pytest.mark.parametrize("leave", [Consumption.close, lambda consumption: consumption._join_again("lost")])
def test_a_client_that_ends_takes_no_partitions(leave: Callable[[Consumption], None]) -> None:
    """The library would take them holding Python's lock, and may wait for ever: the whole process would stand."""
    assigned: list[object] = []
    client = Client()
    leaving = with_client(client)
    leaving.subscribe(assigned.append, lambda: None)
    leave(leaving)

    given = Thread(target=client.on_assign, args=(client, []), daemon=True)
    given.start()
    given.join(0.2)

    assert given.is_alive()
    assert assigned == []


def test_who_leaves_gives_back_first_and_does_not_wait_for_a_client_that_never_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "ENDING_S", 0.1)
    told: list[str] = []
    endless = Endless()
    consumption = with_client(endless)
    consumption.subscribe(lambda _: None, lambda: told.append("given back"))

    consumption.close()

    assert told == ["given back"]
    assert endless.let_go.is_set()
    endless.ended.set()
