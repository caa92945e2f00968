"""Who is in a consumer group, so that a fault of membership is known to have happened."""

from contextlib import suppress

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from streams import kafka, lag
from streams.commits import Commits
from streams.settings import KafkaSettings
from tests.stack.harness import eventually

JOIN_S = 60


def await_joined(settings: KafkaSettings, group: str, instance: int) -> None:
    """Wait until a process of ours has its place in the group, beside others."""
    admin, name = kafka.admin(settings), kafka.group(settings, group)
    eventually(lambda: f"{group}-{instance}" in _members(admin, name), JOIN_S, every=0.2)


def await_alone(settings: KafkaSettings, group: str, instance: int) -> None:
    """Wait until a process of ours has the group's partitions to itself: the others were put out."""
    admin, name = kafka.admin(settings), kafka.group(settings, group)
    eventually(lambda: _members(admin, name) == {f"{group}-{instance}"}, JOIN_S, every=0.2)


def await_commit(settings: KafkaSettings, group: str) -> None:
    """Wait until somebody has committed more of what the group reads than is committed now."""
    with Commits(settings) as commits:
        before = _committed(settings, commits, group)
        eventually(lambda: _committed(settings, commits, group) > before, JOIN_S, every=0.2)


def _committed(settings: KafkaSettings, commits: Commits, group: str) -> int:
    """The sum of its offsets."""
    topics = lag.readers()[group]
    return sum(sum(commits.of(group, topic, range(settings.partitions)).values()) for topic in topics)


def _members(admin: AdminClient, name: str) -> set[str]:
    """Their instance ids; nobody while it is not settled what each of them has."""
    with suppress(KafkaException):
        found = admin.describe_consumer_groups([name])[name].result(60)
        if found.state is ConsumerGroupState.STABLE:
            return {member.group_instance_id or "" for member in found.members}
    return set()
