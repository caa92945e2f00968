"""How far each consumer group is behind the ends of the data topics."""

from confluent_kafka import Consumer, TopicPartition

import schemas
from streams import kafka
from streams.commits import Commits
from streams.settings import KafkaSettings

DATA_TOPICS = ("raw", "readings", "aggregates", "dead-letters")
"""Registry topics are left out: transaction markers at their ends are never consumed."""

Lag = dict[tuple[str, str], int]
"""(group, topic) without prefix -> records not yet committed"""


class LagMeter:
    """Measures again and again with the same clients."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._commits, self._reader = Commits(settings), kafka.consumer(settings, None)

    def measure(self, groups: set[str] | None = None) -> Lag:
        """The lag of every (group, data topic) that ``topics.toml`` declares, of ``groups`` only when given.

        Raises:
            KafkaException: the cluster does not answer.
        """
        ends = {name: _ends(self._reader, self._settings.prefix + name) for name in DATA_TOPICS}
        wanted = {g: topics for g, topics in readers().items() if groups is None or g in groups}
        return {(g, t): self._behind(g, ends[t], t) for g, topics in wanted.items() for t in topics}

    def close(self) -> None:
        """Let go of the clients."""
        self._commits.close()
        self._reader.close()

    def _behind(self, group: str, ends: dict[int, tuple[int, int]], topic: str) -> int:
        committed = self._commits.of(group, topic, ends)
        return sum(end - max(begin, committed.get(p, begin)) for p, (begin, end) in ends.items())


def readers() -> dict[str, list[str]]:
    """Group -> data topics that it reads; group names as in ``kafka.group``."""
    found: dict[str, list[str]] = {}
    for name in DATA_TOPICS:
        for reader in schemas.topics()[name]["read_by"]:
            found.setdefault(reader.replace(" ", "-"), []).append(name)
    return found


def _ends(reader: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
    return {p: kafka.watermarks(reader, TopicPartition(topic, p), 10) for p in partitions}
