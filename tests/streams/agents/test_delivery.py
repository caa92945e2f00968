"""Batch delivery rests on private parts of one Faust version; this holds them."""

import asyncio
import inspect
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from streams.agents.batch import InFlight
from streams.agents.delivery import BatchConsumer
from tests.streams.agents.test_batch import Record


def test_it_runs_on_the_version_of_faust_that_it_was_written_for() -> None:
    assert version("faust-streaming") == "0.15.3"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (Consumer.getmany, "self timeout"),
        (Consumer._wait_next_records, "self timeout"),
        (Consumer._filter_tps_with_pending_acks, "self topics"),
        (Consumer._new_offset, "self tp"),
        (Consumer._commit, "self offsets"),
        (Consumer._new_consumer_thread, "self"),
        (AIOKafkaConsumerThread._create_worker_consumer, "self transport"),
        (Consumer.perform_seek, "self"),
        (Consumer.seek_to_committed, "self"),
        (Consumer.seek_wait, "self partitions"),
        (Consumer.earliest_offsets, "self partitions"),
        (Consumer.highwaters, "self partitions"),
        (Consumer.on_buffer_full, "self tp"),
        (Consumer.on_partitions_revoked, "self revoked"),
        (Consumer.on_partitions_assigned, "self assigned generation_id"),
        (faust.App._new_transport, "self"),
        (faust.App.on_first_start, "self"),
        (faust.App.on_stop, "self"),
        (faust.Schema.loads_key, "self app message loads serializer"),
        (faust.Schema.loads_value, "self app message loads serializer"),
    ],
)
def test_it_finds_the_methods_that_it_overrides_or_calls(method: Callable[..., Any], parameters: str) -> None:
    assert " ".join(inspect.signature(method).parameters) == parameters


def test_it_finds_the_bookkeeping_that_it_clears() -> None:
    source = inspect.getsource(faust.transport.consumer.Consumer)
    for name in ("_acked", "_acked_index", "_read_offset", "_committed_offset"):
        assert f"self.{name} = defaultdict(" in source


def test_it_finds_what_says_that_the_coordinator_has_given_up() -> None:
    assert "_consumer" in AIOKafkaConsumerThread.__annotations__
    assert list(inspect.signature(AIOKafkaConsumerThread.call_thread).parameters)[:2] == ["self", "fun"]
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(AIOKafkaConsumer.start)
    assert "self._coordination_task.result()" in inspect.getsource(GroupCoordinator.check_errors)


def test_it_finds_how_long_kafka_may_hold_a_fetch() -> None:
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)


def test_it_delivers_whatever_the_read_offset_says() -> None:
    assert "if r_offset is None or offset >= r_offset:" in inspect.getsource(Consumer._drain_messages)


def test_it_puts_its_consumer_into_the_transport() -> None:
    assert Transport.Consumer is Consumer
    fields = list(inspect.signature(ConsumerMessage).parameters)
    assert fields[:6] == ["topic", "partition", "offset", "timestamp", "timestamp_type", "headers"]
    assert fields[6:] == [
        "key", "value", "checksum", "serialized_key_size", "serialized_value_size", "tp", "time_in", "time_out",
        "time_total", "generation_id",
    ]  # fmt: skip


def test_what_was_missing_before_a_seek_is_no_hole_after_it() -> None:
    """Else the second of two dropped fetches at one offset would be taken for a transaction's marker."""
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.in_flight, consumer._looked_again = InFlight(), {TP("raw", 0): 5}
    consumer.assignment = set  # type: ignore[method-assign]  # nothing is assigned

    asyncio.run(consumer.perform_seek())

    assert consumer._looked_again == {}


def test_a_batch_has_at_most_so_many_bytes_though_more_records_were_fetched() -> None:
    """547 tables of 355 KB, which lz4 makes 1.9 KB of, fit into one fetch: nine minutes of decoding as one batch."""
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(batch_max=2000)  # type: ignore[assignment]  # a fake
    records = [Record(offset, value=bytes(355_000)) for offset in range(25)]

    batches = list(consumer._batches(TP("raw", 0), records))

    assert [(batch.first, batch.last) for batch in batches] == [(0, 10), (11, 21), (22, 24)]
