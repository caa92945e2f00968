"""What groups have committed can be asked for at any time, also of a Kafka that has just begun."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from deploy.local import daemon
from deploy.local.plan import Plan
from deploy.local.servers import Servers, prepare
from streams import kafka
from streams.commits import Commits
from streams.settings import KafkaSettings
from tests.ports import free_port
from tests.stack.harness import Installation


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[KafkaSettings]:
    """A Kafka that no group has spoken to."""
    wanted = Servers(
        directory=tmp_path, kafka_port=free_port(), kafka_controller_port=free_port(), mqtt_port=free_port(),
        clickhouse_port=free_port(), record_bytes=KafkaSettings().max_record_bytes, names=("kafka",),
    )  # fmt: skip
    daemon.up(tmp_path, Plan(prepare(wanted), str(tmp_path), owner=os.getpid()))
    try:
        yield KafkaSettings(bootstrap_servers=f"127.0.0.1:{wanted.kafka_port}")
    finally:
        daemon.down(tmp_path)


def test_the_first_question_is_answered_though_no_coordinator_is_there_yet(fresh: KafkaSettings) -> None:
    """A process could die of the answer where an admin client asked (librdkafka, issue 5040)."""
    with Commits(fresh) as commits:
        assert commits.of("nobody", "raw", [0, 1]) == {}


def test_it_is_what_the_group_has_committed_and_nothing_where_it_has_not(installation: Installation) -> None:
    settings = installation.settings.kafka
    member = kafka.consumer(settings, "somebody")
    places = [TopicPartition(kafka.topic(settings, "raw"), partition, 7 + partition) for partition in (0, 2)]
    member.commit(offsets=places, asynchronous=False)
    member.close()

    with Commits(settings) as commits:
        assert commits.of("somebody", "raw", [0, 1, 2]) == {0: 7, 2: 9}
        assert commits.of("another", "raw", [0, 1, 2]) == {}
