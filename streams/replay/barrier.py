"""The line between old and new: what was decoded before a generation is in the store, before a replay compares with it.

Offsets that consumer groups have committed are durably handled (I6), so they are all there is to look at.
"""

from collections.abc import Iterable, Mapping

from confluent_kafka import TopicPartition

from streams import kafka
from streams.commits import Commits
from streams.scan import ends_of
from streams.settings import KafkaSettings

ANSWER_S = 10
Offsets = dict[int, int]
"""partition -> offset"""


def recorded(ends: Mapping[str, int]) -> Offsets:
    """Offsets as a replay's record has them, whose partitions are texts."""
    return {int(partition): end for partition, end in ends.items()}


def to_record(ends: Mapping[int, int]) -> dict[str, int]:
    """The other way round."""
    return {str(partition): end for partition, end in ends.items()}


class Barrier:
    """Asks again and again with the same clients."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._commits, self._reader = Commits(settings), kafka.consumer(settings, None)

    def ends(self, topic: str) -> Offsets:
        """Where ``topic`` (without prefix) ends now.

        Raises:
            KafkaException: the cluster does not answer.
        """
        return ends_of(self._reader, kafka.topic(self._settings, topic))

    def behind(self, group: str, topic: str, ends: Mapping[int, int]) -> int:
        """How many records before ``ends`` the group has not handled; 0: it is past them all.

        Raises:
            KafkaException: the cluster does not answer.
        """
        committed = self.committed(group, topic, ends)
        return sum(max(end - committed[partition], 0) for partition, end in ends.items())

    def committed(self, group: str, topic: str, partitions: Iterable[int]) -> Offsets:
        """Where the group goes on in each partition; one that has committed nothing begins where the topic does now.

        Raises:
            KafkaException: the cluster does not answer.
        """
        name, asked = kafka.topic(self._settings, topic), tuple(partitions)
        found = self._commits.of(group, topic, asked)
        return {p: found[p] if p in found else self._begin(name, p) for p in asked}

    def close(self) -> None:
        """Let go of the clients; see ``kafka.let_go``."""
        self._commits.close()
        kafka.let_go(self._reader, kafka.ENDING_S)

    def _begin(self, name: str, partition: int) -> int:
        begin: int = kafka.watermarks(self._reader, TopicPartition(name, partition), ANSWER_S)[0]
        return begin
