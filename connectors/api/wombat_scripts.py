"""Scripts for Wombat nodes: retained messages on ``wombat/<serial>``, which a node takes when it next wakes.

Source of the topic and the texts: IoTa's pages ``/wombats``.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import aiomqtt

from connectors import mqtt_writes
from streams import mqtt_filter
from streams.settings import MqttBroker, MqttSettings

SOURCE = "wombat"
SCRIPTS = {
    "logs": "ftp login\nftp upload log.txt\nftp logout\n",
    "data": "ftp login\nftp upload data.json\nftp logout\n",
    "ota": "config ota 1\nconfig reboot\n",
}
QOS = 1
ANSWER_S = 10
RETAINED_S = 1.0
"""A retained message follows the answer to a subscription at once."""


class BrokerAway(Exception):
    """The MQTT broker of the Wombats cannot be reached, or does not take the message."""


def broker_of(settings: MqttSettings) -> MqttBroker | None:
    """The broker that Wombats speak to; None where none is read from."""
    return next((b for b in settings.brokers if any(s.source == SOURCE for s in b.subscriptions)), None)


async def waiting(broker: MqttBroker, serial: str) -> str | None:
    """The script that the node has not taken yet.

    Raises:
        BrokerAway
    """
    try:
        async with asyncio.timeout(ANSWER_S), _client(broker) as client:
            await client.subscribe(topic(serial), qos=QOS)
            with suppress(TimeoutError):
                async with asyncio.timeout(RETAINED_S):
                    async for message in client.messages:
                        if message.retain:
                            return bytes(message.payload).decode("utf-8", "replace") or None
        return None
    except (aiomqtt.MqttError, OSError, TimeoutError) as error:
        raise BrokerAway(f"the MQTT broker {broker.host}:{broker.port} does not answer: {error}") from error


async def leave(broker: MqttBroker, serial: str, script: str | None) -> None:
    """Leave a script for the node, in place of one that waits; None: take back what waits. Done when the broker has it.

    Raises:
        BrokerAway
    """
    try:
        async with asyncio.timeout(ANSWER_S), _client(broker) as client:
            await client.publish(topic(serial), script or b"", qos=QOS, retain=True)
    except (aiomqtt.MqttError, OSError, TimeoutError) as error:
        raise BrokerAway(f"the MQTT broker {broker.host}:{broker.port} does not take it: {error}") from error


def topic(serial: str) -> str:
    """Where the node listens.

    Raises:
        ValueError: a serial number that would be another topic.
    """
    if not serial or "/" in serial or mqtt_filter.fault(serial) or set(serial) & set("+#\0"):
        raise ValueError(f"{serial!r} is no serial number")
    return f"wombat/{serial}"


def _client(broker: MqttBroker) -> aiomqtt.Client:
    tls = None
    if broker.tls:
        tls = aiomqtt.TLSParameters(
            ca_certs=_text(broker.ca_file), certfile=_text(broker.cert_file), keyfile=_text(broker.key_file)
        )
    return mqtt_writes.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password.get_secret_value() if broker.password else None,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_params=tls,
        timeout=ANSWER_S,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
