"""The three real servers under their supervisor: killed, stopped, started again, with their data still there."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.local import daemon, servers
from deploy.local.plan import Plan
from deploy.local.ports import PortTaken
from deploy.local.servers import Servers
from deploy.local.status import State
from tests.ports import free_port
from tests.stack.harness import eventually

LARGEST = 16_000_000


class Local:
    """A stack of this module's own, and one client for each server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        ports = (free_port(), free_port(), free_port(), free_port())
        self.servers = Servers(directory, *ports, record_bytes=LARGEST)
        self.plan = Plan(servers.prepare(self.servers), str(directory), owner=os.getpid())
        self.kafka: dict[str, str | int | float | bool] = {"bootstrap.servers": f"127.0.0.1:{self.servers.kafka_port}"}

    def up(self) -> None:
        daemon.up(self.directory, self.plan)

    def pids(self) -> dict[str, int]:
        """Those that are ready."""
        now = daemon.current(self.directory)
        assert now is not None
        return {p.name: p.pid for p in now.processes if p.pid is not None and p.state is State.READY}

    def create_topic(self, name: str) -> None:
        admin = AdminClient(self.kafka)
        admin.create_topics([NewTopic(name, 1)])[name].result(30)

    def produce(self, value: bytes) -> None:
        producer = Producer(self.kafka | {"acks": "all", "message.max.bytes": 2 * LARGEST})
        producer.produce("kept", value)
        assert producer.flush(30) == 0

    def consumed(self, count: int) -> list[bytes]:
        """The first values of topic `kept`."""
        consumer = Consumer(self.kafka | {"group.id": "reader"})
        consumer.assign([TopicPartition("kept", 0, 0)])
        values = [message.value() for message in consumer.consume(count, 30)]
        consumer.close()
        return [value for value in values if value is not None]

    def sql(self, sql: str) -> str:
        url = f"http://127.0.0.1:{self.servers.clickhouse_port}/"
        return httpx.post(url, content=sql).raise_for_status().text

    def subscribe(self) -> None:
        """Leave a session behind that collects `kept/#`."""
        client, _ = self._session()
        done: queue.Queue[int] = queue.Queue()
        client.on_subscribe = lambda *event: done.put(event[2])
        client.subscribe("kept/#", qos=1)
        done.get(timeout=10)
        self._leave(client)

    def publish(self, payload: bytes) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.connect("127.0.0.1", self.servers.mqtt_port)
        client.loop_start()
        client.publish("kept/a", payload, qos=1).wait_for_publish(10)
        self._leave(client)

    def delivered(self, count: int) -> list[bytes]:
        """What the session collected; it keeps it, for nothing is acknowledged."""
        client, messages = self._session()
        payloads = [messages.get(timeout=20) for _ in range(count)]
        self._leave(client)
        return payloads

    def _session(self) -> tuple[mqtt.Client, queue.Queue[bytes]]:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "steady", protocol=mqtt.MQTTv5, manual_ack=True)
        messages: queue.Queue[bytes] = queue.Queue()
        client.on_message = lambda _client, _data, message: messages.put(bytes(message.payload))
        keep = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        keep.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", self.servers.mqtt_port, clean_start=False, properties=keep)
        client.loop_start()
        return client, messages

    def _leave(self, client: mqtt.Client) -> None:
        client.disconnect()
        client.loop_stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """All three servers, with something durable in each."""
    local = Local(tmp_path_factory.mktemp("local"))
    local.up()
    local.create_topic("kept")
    local.produce(b"one")
    local.subscribe()
    local.publish(b"one")
    local.sql("CREATE DATABASE lab")
    local.sql("CREATE TABLE lab.kept (n UInt32) ENGINE = MergeTree ORDER BY n")
    local.sql("INSERT INTO lab.kept VALUES (1)")
    yield local
    daemon.down(local.directory)


def test_kafka_takes_records_as_large_as_the_settings_say(local: Local) -> None:
    local.create_topic("large")
    producer = Producer(local.kafka | {"message.max.bytes": 2 * LARGEST, "compression.type": "none"})
    faults: list[object] = []
    producer.produce("large", b"x" * LARGEST, on_delivery=lambda error, _: faults.append(error))

    assert producer.flush(60) == 0
    assert faults == [None]


def test_servers_killed_together_come_back_with_their_data(local: Local) -> None:
    before = local.pids()

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: len(now := local.pids()) == 3 and not set(now.values()) & set(before.values()), 60)
    local.produce(b"two")
    local.publish(b"two")
    local.sql("INSERT INTO lab.kept VALUES (2)")
    assert local.consumed(2) == [b"one", b"two"]
    assert local.delivered(2) == [b"one", b"two"]
    assert local.sql("SELECT arraySort(groupArray(n)) FROM lab.kept") == "[1,2]\n"


def test_data_stay_over_down_and_up(local: Local) -> None:
    assert daemon.down(local.directory) == []
    assert daemon.current(local.directory) is None
    local.up()

    assert local.consumed(1) == [b"one"]
    assert local.delivered(1) == [b"one"]
    assert local.sql("SELECT min(n) FROM lab.kept") == "1\n"


def test_the_command_line_tells_what_runs(local: Local, tmp_path: Path) -> None:
    environment = os.environ | {"ISTHMUS_STACK__DIRECTORY": str(local.directory)}
    command = [sys.executable, "-m", "connectors.cli", "stack", "status"]

    said = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    status = json.loads(said.stdout)
    assert (status["running"], status["ready"], status["orphans"]) == (True, True, [])
    assert {p["name"]: p["state"] for p in status["processes"]} == dict.fromkeys(
        ("kafka", "mqtt-broker", "clickhouse"), "ready"
    )
    assert all(p["rss_bytes"] > 10_000_000 for p in status["processes"])
    assert "mqtt-broker" in told.stdout


@pytest.mark.parametrize("name", ["kafka", "mqtt-broker"])
def test_the_classes_that_are_laid_out_fit_the_server_that_uses_it(local: Local, name: str) -> None:
    command = next(process.command for process in local.plan.processes if process.name == name)
    options = [command[0], "-Xshare:on", *command[1 : command.index("-cp") + 2], "--version"]

    assert any(option.startswith("-XX:SharedArchiveFile=") for option in options)
    subprocess.run(options, capture_output=True, check=True)


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        wanted = Servers(tmp_path, 1, 1, 1, port, record_bytes=LARGEST, names=("clickhouse",))

        with pytest.raises(PortTaken, match=f"port {port} is taken by .* setting stack.clickhouse_port"):
            daemon.up(tmp_path, Plan(servers.prepare(wanted), str(tmp_path)))

    assert not daemon.running(tmp_path)
