"""A replay goes on with another client when its own has lost Kafka, from where each partition stands."""

from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition

from streams.replay.source import Chunk, records
from streams.settings import Settings
from tests.streams.registry.clients import Client, Lost, in_turn


class Assigned:
    """What a client is asked besides."""

    assigned: list[TopicPartition]

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        assert partitions

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        return 0, 3


class LostReader(Assigned, Lost):
    pass


class Reader(Assigned, Client):
    pass


def raw(offset: int) -> Message:
    return Message(topic="raw", partition=0, offset=offset, value=b"%d" % offset, timestamp=(1, 5))


def test_no_record_is_left_out_or_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, other = LostReader(raw(0)), Reader(raw(1), raw(2))
    in_turn(monkeypatch, lost, other)

    found = list(records(Settings(), {}, {0: 3}))

    assert [record for chunk in found if isinstance(chunk, Chunk) for record in chunk.records] == [
        (0, b"0"), (1, b"1"), (2, b"2"),
    ]  # fmt: skip
    assert [(one.partition, one.offset) for one in other.assigned] == [(0, 1)]
    assert lost.let_go.wait(10)
    lost.ends.set()


def test_who_cannot_say_where_a_partition_ends_is_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf, other = Lost(), Reader(raw(0), raw(1), raw(2))
    in_turn(monkeypatch, deaf, other)

    found = list(records(Settings(), {}, {0: 3}))

    assert [record for chunk in found if isinstance(chunk, Chunk) for record in chunk.records] == [
        (0, b"0"), (1, b"1"), (2, b"2"),
    ]  # fmt: skip
    assert deaf.let_go.wait(10)
    deaf.ends.set()
