"""Load for the benchmarks: JSON messages of five measurements, published over MQTT as fast as a broker takes them."""

import json
import threading
import time
from collections.abc import Iterator

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

DEVICES = 200
MEASUREMENTS = 5
IN_FLIGHT = 200

Published = tuple[str, bytes]
"""topic, payload"""


def payloads(count: int, start_ns: int, step_ns: int) -> Iterator[Published]:
    """Devices take turns, one reading of five numbers each; times grow by ``step_ns``."""
    for n in range(count):
        device = f"bench-{n % DEVICES}"
        values = {
            "temperature": 20 + n % 97 * 0.1,
            "humidity": 40 + n % 31,
            "battery": 3.6,
            "level": n % 53 * 0.01,
            "seq": n,
        }
        body = {"device": device, "time": start_ns + n * step_ns, "values": values}
        yield f"json/{device}", json.dumps(body).encode()


def publish(port: int, messages: Iterator[Published], rate: float | None = None, clients: int = 4) -> float:
    """Publish with QoS 1; the seconds until the last PUBACK. ``rate`` None: as fast as it goes.

    paho itself, one thread a client: aiomqtt looks at every pending publish with each new one.
    """
    began = time.perf_counter()
    publishers = [_Publisher(port) for _ in range(clients)]
    for number, message in enumerate(messages):
        if rate is not None:
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        publishers[number % clients].send(message)
    for publisher in publishers:
        publisher.close()
    return time.perf_counter() - began


class _Publisher:
    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._slots = threading.Semaphore(IN_FLIGHT)
        self._last: MQTTMessageInfo | None = None
        self._client.on_publish = lambda *_: self._slots.release()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, message: Published) -> None:
        self._slots.acquire()
        self._last = self._client.publish(*message, qos=1)

    def close(self) -> None:
        if self._last is not None:
            self._last.wait_for_publish(60)
        self._client.disconnect()
        self._client.loop_stop()
