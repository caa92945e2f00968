"""What a server on trial is asked, so that the classes of serving are laid out too, and not only those of starting.

Everybody who waited for a server that was killed comes back at the same moment, and the code that answers is then met for
the first time. So the trial makes the calls that our processes make; nothing of it is kept.
"""

import asyncio
from typing import Any

import aiomqtt
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.plan import StackError

NAME = "trial"
TRIAL_S = 20.0


def serve_kafka(port: int) -> None:
    """Produce, in a transaction too; consume as a static member of a group; commit; ask for ends and offsets.

    Raises:
        StackError: it does not serve.
    """
    client: dict[str, Any] = {"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 2}
    try:
        admin = AdminClient(client)
        admin.create_topics([NewTopic(NAME, 2, 1)])[NAME].result(TRIAL_S)
        _produce(client)
        _consume(client)
    except (KafkaException, TimeoutError) as fault:
        raise StackError(f"Kafka does not serve on trial: {fault}") from fault


def serve_mqtt(port: int) -> None:
    """Subscribe with a session that is kept, publish at least once, get it and acknowledge.

    Raises:
        StackError: it does not serve.
    """
    try:
        asyncio.run(asyncio.wait_for(_exchange(port), TRIAL_S))
    except (aiomqtt.MqttError, TimeoutError) as fault:
        raise StackError(f"the MQTT broker does not serve on trial: {fault}") from fault


def _produce(client: dict[str, Any]) -> None:
    alike = client | {"enable.idempotence": True, "compression.type": "lz4"}
    producer = Producer(alike)
    for number in range(10):
        producer.produce(NAME, b"value" * 100, str(number))
    if producer.flush(TRIAL_S):
        raise TimeoutError("records are not confirmed")
    writer = Producer(alike | {"transactional.id": NAME})
    writer.init_transactions(TRIAL_S)
    writer.begin_transaction()
    writer.produce(NAME, b"value", b"key")
    writer.commit_transaction(TRIAL_S)


def _consume(client: dict[str, Any]) -> None:
    member = {"group.id": NAME, "group.instance.id": NAME, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    reader = Consumer(client | member)
    reader.subscribe([NAME])
    records = reader.consume(1, TRIAL_S)
    if not records:
        raise TimeoutError("no records")
    reader.commit(offsets=[TopicPartition(NAME, records[0].partition() or 0, 1)], asynchronous=False)
    reader.committed([TopicPartition(NAME, 0)], TRIAL_S)
    reader.get_watermark_offsets(TopicPartition(NAME, 0), timeout=TRIAL_S)
    reader.close()


async def _exchange(port: int) -> None:
    version = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", port, identifier=NAME, protocol=version, clean_start=False) as client:
        await client.subscribe(f"{NAME}/#", qos=1)
        await client.publish(f"{NAME}/1", b"value", qos=1)
        await anext(aiter(client.messages))
