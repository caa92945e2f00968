"""The MQTT connector, durable in Kafka, against aiomqtt's own iterator with automatic acknowledgement and no Kafka.

The same backlog waits in the broker for both; each drains it alone.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

import aiomqtt
import httpx
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.load import payloads, publish
from benchmarks.result import Result
from streams import kafka, topics
from streams.scan import ends_of
from streams.settings import Settings

POLL_S = 0.02
START_S = 30


def run(settings: Settings, count: int) -> list[Result]:
    """Messages per second of both, as a ratio; the servers must be up."""
    topics.create(settings.kafka)
    connector = subprocess.Popen([sys.executable, "-m", "connectors.cli", "run", "mqtt"])
    try:
        _await_ready(settings)
        connector.send_signal(signal.SIGSTOP)
        asyncio.run(_anchor(settings, 0))
        publish(settings.stack.mqtt_port, payloads(count, time.time_ns(), 1))
        stock = asyncio.run(_anchor(settings, count))
        ours = _drained(settings, connector, count)
    finally:
        os.kill(connector.pid, signal.SIGKILL)
        connector.wait()
    detail = f"{ours:,.0f}/s durable against {stock:,.0f}/s acknowledged on arrival, {count} messages of 150 B"
    return [Result(name="mqtt_door_vs_iterator", value=ours / stock, unit="x", target=1, at_least=True, detail=detail)]


async def _anchor(settings: Settings, count: int) -> float:
    """Messages per second of aiomqtt's iterator in a session that outlives its connection; 0 messages: subscribe only."""
    expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    expiry.SessionExpiryInterval = 3600
    async with aiomqtt.Client(
        "127.0.0.1", settings.stack.mqtt_port, identifier="anchor", protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False, properties=expiry,
    ) as client:  # fmt: skip
        if not count:
            await client.subscribe("json/#", qos=1)
            return 0.0
        began, seen = 0.0, 0
        async for _ in client.messages:
            began = began or time.perf_counter()
            seen += 1
            if seen == count:
                break
        return count / (time.perf_counter() - began)


def _drained(settings: Settings, connector: "subprocess.Popen[bytes]", count: int) -> float:
    reader = kafka.consumer(settings.kafka, None)

    def stored() -> int:
        return sum(ends_of(reader, kafka.topic(settings.kafka, "raw")).values())

    connector.send_signal(signal.SIGCONT)
    while not (first := stored()):
        time.sleep(POLL_S)
    began = time.perf_counter()
    while (seen := stored()) < count:
        time.sleep(POLL_S)
    reader.close()
    return (seen - first) / (time.perf_counter() - began)


def _await_ready(settings: Settings) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{settings.mqtt.health_port}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_S)
    raise TimeoutError("the MQTT connector did not become ready")
