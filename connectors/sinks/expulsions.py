"""A member that Kafka has put out of its group: it joins again, unless another process has its name."""

import math

from confluent_kafka import KafkaError

ALONE_S = 60.0
"""Two members with one name put each other out again and again: one of them has to end."""
ABSENT = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})


class Expulsions:
    """Whether a member that was put out of its group may join again, or has to leave its name to another process."""

    def __init__(self) -> None:
        self._not_before = -math.inf

    def told(self, error: KafkaError) -> None:
        """By the client of a member. Was Kafka away, the next expulsion is by its memory of ourselves, no other's doing."""
        if error.code() in ABSENT:
            self._not_before = -math.inf

    def may_join(self, now: float) -> bool:
        """Put out now (monotonic seconds): not for the second time in a minute, unless Kafka was away."""
        may, self._not_before = now >= self._not_before, now + ALONE_S
        return may
