"""How others do it, at their defaults: `python -m tests.faults.rivals NAME`, with an installation's settings.

``aiomqtt``: the library's message iterator, each record flushed to Kafka before the next. Session, client id and QoS are as
they should be; only the acknowledgement is the default one, which is sent when a message enters the queue.

``faust``: a Faust agent with ``concurrency=8`` that awaits each delivery, where now and then a record takes long.
"""

import asyncio
import sys
from typing import Any

import aiomqtt
import faust
from msgspec.structs import replace
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from connectors.sources.mqtt import raw_record
from streams import avro, kafka, ops, pipeline, settings
from streams.agents.output import Output, raw_records
from streams.core.decode import decode_batch
from streams.core.records import Lineage
from streams.metrics import IN_PROCESS
from streams.settings import Settings

SLOW_EVERY, SLOW_S = 40, 4.0


def mqtt(loaded: Settings) -> None:
    asyncio.run(_mqtt(loaded))


async def _mqtt(loaded: Settings) -> None:
    (broker,), producer = loaded.mqtt.brokers, kafka.BatchProducer(loaded.kafka, timeout_s=60)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
    properties.SessionExpiryInterval = broker.session_expiry_s
    async with aiomqtt.Client(
        broker.host, broker.port, identifier=broker.client_id, protocol=aiomqtt.ProtocolVersion.V5, clean_start=False,
        properties=properties,
    ) as client:  # fmt: skip
        for subscription in broker.subscriptions:
            await client.subscribe(subscription.filter, qos=1)
        IN_PROCESS.labels("mqtt").set_function(lambda: len(client.messages))
        ops.serve(loaded.mqtt.health_port, ready=lambda: None)
        async for message in client.messages:
            record = raw_record(_as_paho(message), str(message.topic), "json", "rival")
            producer.send("raw", record.address, avro.encode(record))
            await asyncio.to_thread(producer.flush)


def _as_paho(message: aiomqtt.Message) -> Any:
    message.dup = False  # type: ignore[attr-defined]  # aiomqtt leaves the flag out
    return message


def concurrent(loaded: Settings) -> None:
    app = faust.App(
        kafka.group(loaded.kafka, "decode"), broker=f"kafka://{loaded.kafka.bootstrap_servers}", web_enabled=False,
        topic_allow_declare=False, topic_disable_leader=True, value_serializer="raw", key_serializer="raw",
        broker_commit_interval=1, broker_session_timeout=6, broker_heartbeat_interval=1.5,
    )  # fmt: skip
    raw = app.topic(kafka.topic(loaded.kafka, "raw"), key_type=bytes, value_type=bytes)
    readings = app.topic(kafka.topic(loaded.kafka, "readings"), key_type=bytes, value_type=bytes)
    context = replace(pipeline.context(loaded.decode, lambda _: None), mapping_position=0)

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            message, output = event.message, Output(loaded.kafka.max_record_bytes, lambda _: False)
            ((record, _),) = raw_records(message.partition, [message], {}, output)
            (outcome,) = decode_batch([(record, Lineage(message.partition, message.offset), 1)], context)
            output.add(record, Lineage(message.partition, message.offset), message.key, outcome)
            if message.offset % SLOW_EVERY == 1:
                await asyncio.sleep(SLOW_S)
            for out in output.records:
                await (await readings.send(key=out.key, value=out.value))

    app.agent(raw, concurrency=8)(agent)

    async def run() -> None:
        await app.start()
        ops.serve(loaded.decode.health_port, ready=lambda: None)
        await app.wait_until_stopped()

    asyncio.run(run())


if __name__ == "__main__":
    {"aiomqtt": mqtt, "faust": concurrent}[sys.argv[1]](settings.load())
