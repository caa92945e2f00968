"""The view of a compacted topic on a real broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer, TopicPartition

from streams import avro, kafka
from streams.core.records import DeviceMapping
from streams.log_ends import LogEnds
from streams.view import CompactedView
from tests.ports import free_port
from tests.stack.harness import Installation, eventually

TOPIC = "device-mapping"


def mapping(device: str, uid: int) -> DeviceMapping:
    return DeviceMapping(device=device, physical_uid=uid)


def write(installation: Installation, *records: tuple[str, bytes | None], transactional: bool = False) -> None:
    settings = installation.settings.kafka
    extra: dict[str, Any] = {"transactional.id": installation.unique, "message.timeout.ms": 10_000}
    producer = kafka.producer(settings, **(extra if transactional else {}))
    if transactional:
        producer.init_transactions(10)
        producer.begin_transaction()
    send(producer, kafka.topic(settings, TOPIC), records)
    if transactional:
        producer.commit_transaction(10)


def send(producer: Producer, topic: str, records: tuple[tuple[str, bytes | None], ...]) -> None:
    for key, value in records:
        producer.produce(topic, value, key)
    assert producer.flush(10) == 0


@contextmanager
def view(installation: Installation, on_change: Any = None) -> Iterator[CompactedView[DeviceMapping]]:
    reading = CompactedView(installation.settings.kafka, TOPIC, DeviceMapping, on_change).start()
    try:
        yield reading
    finally:
        reading.stop()


def test_it_holds_the_latest_record_of_each_key(installation: Installation) -> None:
    first, second, other = mapping("json:a", 1), mapping("json:a", 2), mapping("json:b", 3)
    write(installation, *((r.device, avro.encode(r)) for r in (first, second, other)), transactional=True)
    with view(installation) as reading:
        assert reading.wait_ready(10)
        assert reading.data == {b"json:a": second, b"json:b": other}
        assert reading.get("json:a") == second
        assert reading.position == 2
        assert reading.reached == 4, "behind the transaction's marker"


def test_it_follows_what_others_write_and_delete(installation: Installation) -> None:
    changes: list[tuple[bytes, DeviceMapping | None, int]] = []
    with view(installation, lambda *change: changes.append(change)) as reading:
        assert reading.wait_ready(10)
        write(installation, ("json:a", avro.encode(mapping("json:a", 1))))
        eventually(lambda: reading.position == 0, every=0.005)
        write(installation, ("json:a", None))
        eventually(lambda: reading.position == 1, every=0.005)
        assert reading.data == {}
        assert changes == [(b"json:a", mapping("json:a", 1), 0), (b"json:a", None, 1)]


def test_it_skips_what_it_cannot_decode(installation: Installation) -> None:
    write(installation, ("json:a", b"rubbish"), ("json:b", avro.encode(mapping("json:b", 1))))
    with view(installation) as reading:
        assert reading.wait_ready(10)
        assert (reading.skipped, reading.position, set(reading.data)) == (1, 1, {b"json:b"})


def test_it_waits_for_a_broker_that_is_away(installation: Installation) -> None:
    away = installation.with_settings(kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with view(away) as reading:
        eventually(lambda: reading.error, timeout=10)
        assert reading.alive
        assert not reading.ready


def test_it_ends_when_a_change_was_not_taken(installation: Installation) -> None:
    with view(installation, lambda *change: 1 / 0) as reading:
        assert reading.wait_ready(10)
        write(installation, ("json:a", avro.encode(mapping("json:a", 1))))
        eventually(lambda: not reading.alive)
        assert reading.error == "ZeroDivisionError: division by zero"


def test_partition_eof_and_position_are_behind_a_transactions_marker(installation: Installation) -> None:
    """Decision 126: so a reader that comes to the end can be told from one that does not."""
    write(installation, ("json:a", avro.encode(mapping("json:a", 1))), transactional=True)
    topic = TopicPartition(kafka.topic(installation.settings.kafka, TOPIC), 0, 0)
    consumer = kafka.consumer(installation.settings.kafka, None)
    consumer.assign([topic])
    eof = next(message for message in iter(lambda: consumer.poll(1), None) if message.error())

    (position,) = consumer.position([topic])

    end = consumer.get_watermark_offsets(topic, timeout=10)[1]
    consumer.close()
    assert (eof.offset(), end, position.offset) == (2, 2, 2)


def test_the_end_of_who_reads_what_is_committed_is_before_an_open_transaction(installation: Installation) -> None:
    settings = installation.settings.kafka
    write(installation, ("json:a", avro.encode(mapping("json:a", 1))))
    extra: dict[str, Any] = {"transactional.id": installation.unique, "message.timeout.ms": 10_000}
    producer = kafka.producer(settings, **extra)
    producer.init_transactions(10)
    producer.begin_transaction()
    send(producer, kafka.topic(settings, TOPIC), (("json:b", avro.encode(mapping("json:b", 2))),))
    place = (kafka.topic(settings, TOPIC), 0)

    with view(installation) as reading:
        assert reading.wait_ready(10)
        assert (reading.reached, LogEnds(settings).measure({}, [place])) == (1, {place: 1})
        producer.abort_transaction(10)
        eventually(lambda: reading.reached == LogEnds(settings).measure({}, [place])[place] == 3)


def test_it_reads_on_with_another_client_where_it_was(installation: Installation) -> None:
    seen: list[int] = []
    write(installation, ("json:a", avro.encode(mapping("json:a", 1))))
    with view(installation, lambda _, __, offset: seen.append(offset)) as reading:
        assert reading.wait_ready(10)
        reading.renew()
        write(installation, ("json:b", avro.encode(mapping("json:b", 2))))
        eventually(lambda: reading.reached == 2)
        assert not reading._lost.is_set()
        assert seen == [0, 1]
