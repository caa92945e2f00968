"""A sink that owns nothing and is not told so is no member: unready, and looked at by the watchdog."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from connectors.sinks.consumption import Consumption
from streams.settings import Settings


class Group:
    """A client's side of its group, which answers when the test says so."""

    def subscribe(
        self, _: list[str], *, on_assign: Callable[..., None], on_revoke: Callable[..., None], **__: Any
    ) -> None:
        self._assign, self._revoke = on_assign, on_revoke

    def assigns(self, *partitions: TopicPartition) -> None:
        self._assign(self, list(partitions))

    def revokes(self) -> None:
        self._revoke(self, [])

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        return [TopicPartition(p.topic, p.partition, 7) for p in partitions]

    def assign(self, partitions: list[TopicPartition]) -> None:
        """From there on it reads."""

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert partitions == []


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def consumption(group: Group) -> Consumption:
    made = Consumption(Settings(kafka={"bootstrap_servers": "127.0.0.1:9"}), "test", ("readings",))
    made._consumer.close()
    made._consumer = group  # type: ignore[assignment]  # what of a client is asked here
    made.subscribe(lambda _: None, lambda: None)
    return made


def test_something_is_left_until_the_group_has_answered(consumption: Consumption, group: Group) -> None:
    assert (consumption.member, consumption.membership().left) == (False, True)

    group.assigns(TopicPartition("readings", 0))

    assert (consumption.member, consumption.membership().left) == (True, False)


def test_that_there_is_nothing_to_own_is_an_answer(consumption: Consumption, group: Group) -> None:
    group.assigns()

    assert (consumption.member, consumption.membership().left) == (True, False)


def test_between_two_assignments_nothing_moves_and_the_next_one_is_a_move(
    consumption: Consumption, group: Group
) -> None:
    group.assigns(TopicPartition("readings", 0))
    group.revokes()
    waiting = consumption.membership()
    assert (consumption.member, waiting.left, consumption.membership()) == (False, True, waiting)

    group.assigns(TopicPartition("readings", 0))
    group.revokes()

    assert consumption.membership() != waiting
