"""Free ports for a whole installation."""

from typing import Any

from tests.ports import free_port, free_row


def with_ports(given: dict[str, Any]) -> dict[str, Any]:
    """Settings with free ports for everything, so that it runs beside a stack at the default ones."""
    row = free_row(16)  # of all kinds in one: rows chosen one by one may overlap before anybody listens
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
