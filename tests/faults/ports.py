"""Free ports for a whole installation."""

import random
import socket
from typing import Any

from tests.stack.harness import free_port

BELOW_EPHEMERAL = 10_000, 20_000


def with_ports(given: dict[str, Any]) -> dict[str, Any]:
    """Settings with free ports for everything, so that it runs beside a stack at the default ones."""
    row = _free_row(16)  # of all kinds in one: rows chosen one by one may overlap before anybody listens
    ports: dict[str, dict[str, Any]] = {
        "stack": {f"{name}_port": free_port() for name in ("kafka", "kafka_controller", "mqtt", "clickhouse")},
        "api": {"port": free_port()},
        "webhook": {"port": free_port(), "health_port": free_port()},
        "mqtt": {"health_port": free_port()},
        "decode": {"health_port": row},
        "window": {"health_port": row + 4},
        "sink": {"health_port": row + 8},
        "replay": {"health_port": free_port()},
    }
    made = {name: given.get(name, {}) | ports.get(name, {}) for name in {*given, *ports}}
    at = made["stack"]
    made["kafka"] = {"bootstrap_servers": f"127.0.0.1:{at['kafka_port']}"} | made.get("kafka", {})
    made["clickhouse"] = {"url": f"http://127.0.0.1:{at['clickhouse_port']}"} | made.get("clickhouse", {})
    made["mqtt"]["brokers"] = [{"port": at["mqtt_port"]}]
    return made


def _free_row(length: int) -> int:
    """The first of so many ports in a row that nobody listens on; below those that connections are given."""
    while True:
        first = random.randrange(*BELOW_EPHEMERAL)
        if all(map(_free, range(first, first + length))):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
