"""Changes of mappings do not stand still with a client that has lost Kafka."""

import pytest
from confluent_kafka import KafkaException, TopicPartition

from connectors.replays.placing import MappingChanges
from streams import kafka
from streams.settings import Settings
from tests.streams.registry.clients import Client, Lost, in_turn


class Reader(Lost):
    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        return partitions


def test_a_client_that_has_lost_kafka_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    in_turn(monkeypatch, reader, Client())
    monkeypatch.setattr(kafka, "admin", lambda _: None)
    monkeypatch.setattr(kafka, "ENDING_S", 0.01)
    changes = MappingChanges(Settings())

    with pytest.raises(KafkaException):
        changes.read()
    changes.close()

    assert reader.let_go.wait(10)
    reader.ends.set()
