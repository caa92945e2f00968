"""What consumer groups have committed, asked as a member of each would ask, who does not join."""

from collections.abc import Iterable
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import kafka
from streams.settings import KafkaSettings

ANSWER_S = 10


class Commits:
    """Asks again and again with the same client for each group.

    An admin client asks for any group, but its process dies of the answer that the coordinator is another one (librdkafka,
    issue 5040).
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Consumer] = {}

    def of(self, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Partition -> the offset at which the group goes on, where it has committed one; blocks for up to 20 s.

        Raises:
            KafkaException: Kafka does not say.
        """
        asked = [TopicPartition(kafka.topic(self._settings, topic), partition) for partition in partitions]
        found = kafka.committed(self._client(group), asked, ANSWER_S)
        return {place.partition: place.offset for place in found if _told(place)}

    def close(self) -> None:
        """Let go of the clients; see ``kafka.let_go``."""
        while self._clients:
            kafka.let_go(self._clients.popitem()[1], kafka.ENDING_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _client(self, group: str) -> Consumer:
        if group not in self._clients:
            self._clients[group] = kafka.consumer(self._settings, group)
        return self._clients[group]


def _told(place: TopicPartition) -> bool:
    """Whether there is an offset.

    Raises:
        KafkaException: Kafka does not say whether.
    """
    if place.error:
        raise KafkaException(place.error)
    return place.offset >= 0
