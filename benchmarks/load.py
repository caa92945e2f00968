"""Load for the benchmarks: JSON messages of five measurements, published over MQTT as fast as a broker takes them."""

import asyncio
import json
import time
from collections.abc import Iterator

import aiomqtt

DEVICES = 200
MEASUREMENTS = 5
IN_FLIGHT = 400


def payloads(count: int, start_ns: int, step_ns: int) -> Iterator[tuple[str, bytes]]:
    """(topic, payload): devices take turns, one reading of five numbers each; times grow by ``step_ns``."""
    for n in range(count):
        device = f"bench-{n % DEVICES}"
        values = {
            "temperature": 20 + n % 97 * 0.1,
            "humidity": 40 + n % 31,
            "battery": 3.6,
            "level": n % 53 * 0.01,
            "seq": n,
        }
        body = {"device": device, "time": (start_ns + n * step_ns), "values": values}
        yield f"json/{device}", json.dumps(body).encode()


async def publish(
    port: int, messages: Iterator[tuple[str, bytes]], rate: float | None = None, clients: int = 4
) -> float:
    """Publish with QoS 1 and return the seconds until the last PUBACK; ``rate`` None: as fast as it goes."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            tasks.create_task(_client(port, messages, None if rate is None else rate / clients, number, began))
    return time.perf_counter() - began


async def _client(
    port: int, messages: Iterator[tuple[str, bytes]], rate: float | None, number: int, began: float
) -> None:
    slots = asyncio.Semaphore(IN_FLIGHT)
    async with (
        aiomqtt.Client("127.0.0.1", port, identifier=f"bench-{number}", max_inflight_messages=IN_FLIGHT) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for sent, (topic, payload) in enumerate(messages):
            if rate is not None:
                await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
            await slots.acquire()
            tasks.create_task(_one(client, topic, payload, slots))


async def _one(client: aiomqtt.Client, topic: str, payload: bytes, slots: asyncio.Semaphore) -> None:
    try:
        await client.publish(topic, payload, qos=1, timeout=60)
    finally:
        slots.release()
