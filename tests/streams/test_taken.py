"""Who reads what there is now gets it without a wait for more."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer

from streams import kafka


class Topic:
    """Gives what is there; asked for more than that with patience, it would be asked in vain."""

    def __init__(self, there: list[Any]) -> None:
        self.there, self.waited = there, list[float]()

    def poll(self, timeout: float) -> Any:
        self.waited.append(timeout)
        return self.there.pop(0) if self.there else None

    def consume(self, count: int, timeout: float) -> list[Any]:
        self.waited.append(timeout)
        given, self.there = self.there[:count], self.there[count:]
        return given


@pytest.mark.parametrize(("there", "taken", "left"), [("", "", ""), ("a", "a", ""), ("abcd", "abc", "d")])
def test_only_the_first_is_waited_for(there: str, taken: str, left: str) -> None:
    topic = Topic(list(there))

    found: list[Any] = kafka.taken(cast(Consumer, topic), 3, 0.5)

    assert ("".join(found), "".join(topic.there)) == (taken, left)
    assert sum(topic.waited) == 0.5
