"""The competitors of the decode agent, each a process: `python -m benchmarks.decode_workers NAME`, settings in the
environment. They do the same work with the same records; only the way in and out differs."""

import asyncio
import sys
from itertools import groupby
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.decode_load import work
from streams import kafka, settings
from streams.agents.batch import Consumed
from streams.settings import Settings

POLL_RECORDS, POLL_S = 2000, 0.1


def bare(loaded: Settings) -> None:
    """A bare confluent-kafka loop: consume, work, produce, flush, commit."""
    decode, producer = work(loaded), kafka.BatchProducer(loaded.kafka)
    consumer = kafka.consumer(loaded.kafka, "bench-bare")
    consumer.subscribe([kafka.topic(loaded.kafka, "raw")])
    while True:
        messages = [m for m in consumer.consume(POLL_RECORDS, POLL_S) if m.error() is None]
        for partition, its in groupby(sorted(messages, key=_partition), key=_partition):
            for record in decode(partition, [_consumed(m) for m in its]):
                producer.send(record.topic, record.key, record.value)
        producer.flush()
        _commit(consumer, messages)


def stock(loaded: Settings) -> None:
    """A stock Faust agent at its default settings that awaits each send and its delivery, as durable as the others."""
    _stock(loaded, durable=True)


def stock_unconfirmed(loaded: Settings) -> None:
    """The same, but a record counts as handled when it has been handed to the producer: it may be lost."""
    _stock(loaded, durable=False)


def _stock(loaded: Settings, *, durable: bool) -> None:
    import faust  # noqa: PLC0415  # not installed beside Quix

    decode = work(loaded)
    app = faust.App(
        kafka.group(loaded.kafka, f"bench-stock-{durable}".lower()),
        broker=f"kafka://{loaded.kafka.bootstrap_servers}",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        value_serializer="raw",
        key_serializer="raw",
    )
    raw = app.topic(kafka.topic(loaded.kafka, "raw"), key_type=bytes, value_type=bytes)
    readings = app.topic(kafka.topic(loaded.kafka, "readings"), key_type=bytes, value_type=bytes)

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = SimpleNamespace(offset=message.offset, key=message.key, value=message.value, timestamp=0)
            for out in decode(message.partition, [cast(Consumed, record)]):
                sent = await readings.send(key=out.key, value=out.value)
                if durable:
                    await sent

    app.agent(raw)(agent)

    async def run() -> None:
        await app.start()
        await app.wait_until_stopped()

    asyncio.run(run())


def quix(loaded: Settings) -> None:
    """A Quix Streams application at its default settings."""
    # Quix Streams lives in an environment of its own.
    from quixstreams import Application, message_context  # noqa: PLC0415

    decode = work(loaded)
    app = Application(
        broker_address=loaded.kafka.bootstrap_servers,
        consumer_group=kafka.group(loaded.kafka, "bench-quix"),
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="ERROR",
    )
    raw = app.topic(kafka.topic(loaded.kafka, "raw"), value_deserializer="bytes", key_deserializer="bytes")
    readings = app.topic(kafka.topic(loaded.kafka, "readings"), value_serializer="bytes", key_serializer="bytes")

    def one(value: bytes, key: bytes, _timestamp: int, _headers: object) -> list[bytes]:
        place = message_context()
        record = SimpleNamespace(offset=place.offset, key=key, value=value, timestamp=0)
        return [out.value for out in decode(place.partition, [cast(Consumed, record)])]

    app.dataframe(raw).apply(one, metadata=True, expand=True).to_topic(readings)
    app.run()


WORKERS = {"bare": bare, "stock": stock, "stock_unconfirmed": stock_unconfirmed, "quix": quix}


def _partition(message: Message) -> int:
    return message.partition() or 0


def _consumed(message: Message) -> Consumed:
    record = SimpleNamespace(offset=message.offset(), key=message.key(), value=message.value(), timestamp=0)
    return cast(Consumed, record)


def _commit(consumer: Consumer, messages: list[Message]) -> None:
    highest: dict[tuple[str, int], int] = {}
    for message in messages:
        where = message.topic() or "", _partition(message)
        highest[where] = max(highest.get(where, 0), (message.offset() or 0) + 1)
    if highest:
        consumer.commit(
            offsets=[TopicPartition(*where, offset) for where, offset in highest.items()], asynchronous=False
        )


if __name__ == "__main__":
    WORKERS[sys.argv[1]](settings.load())
