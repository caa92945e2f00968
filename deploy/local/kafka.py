"""Apache Kafka 4.3.1 as one KRaft node: its settings file, its storage, its process."""

import base64
import subprocess
import uuid
from pathlib import Path

import msgspec

from deploy.local import classes, java
from deploy.local.plan import Port, Process, StackError, Tcp

HEADROOM = 65_536
"""Bytes that a record batch may be larger than its record."""
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
message.max.bytes={message_bytes}
replica.fetch.max.bytes={message_bytes}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=5256000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
background.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=1600
broker.heartbeat.interval.ms=100
"""


class KafkaError(StackError):
    """Kafka's storage could not be prepared."""


class Kafka(msgspec.Struct, frozen=True):
    """One node: where it keeps its data, where it listens, the largest record that it takes, its classes as they are laid out."""

    directory: Path
    java: str
    jars: Path
    port: int
    controller_port: int
    record_bytes: int
    classes: Path | None = None


def prepare(kafka: Kafka) -> None:
    """Write the settings; format the storage when it is new.

    Raises:
        KafkaError: formatting failed.
    """
    kafka.directory.mkdir(parents=True, exist_ok=True)
    (kafka.directory / "server.properties").write_text(
        PROPERTIES.format(
            port=kafka.port,
            controller_port=kafka.controller_port,
            data=_data(kafka),
            message_bytes=kafka.record_bytes + HEADROOM,
        )
    )
    if not (_data(kafka) / "meta.properties").is_file():
        _format(kafka)


def process(kafka: Kafka) -> Process:
    """The broker's process. Ready when it accepts connections, which KRaft brokers do last."""
    return Process(
        name="kafka",
        command=(*_java(kafka), "kafka.Kafka", str(kafka.directory / "server.properties")),
        ready=Tcp(kafka.port),
        ports=(Port(kafka.port, "stack.kafka_port"), Port(kafka.controller_port, "stack.kafka_controller_port")),
        stop_s=30,
    )


def cluster_id(random: bytes) -> str:
    """Kafka's text of 16 random bytes. The first is set: an id that began with `-` would be taken for an option."""
    return base64.urlsafe_b64encode(b"I" + random[1:]).decode().rstrip("=")


def _format(kafka: Kafka) -> None:
    identity = cluster_id(uuid.uuid4().bytes)
    properties = str(kafka.directory / "server.properties")
    arguments = ["format", "-t", identity, "-c", properties, "--ignore-formatted"]
    done = subprocess.run(
        [*_java(kafka), "kafka.tools.StorageTool", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KafkaError(f"Kafka's storage in {_data(kafka)} cannot be formatted: {done.stdout}{done.stderr}")


def _java(kafka: Kafka) -> tuple[str, ...]:
    options = java.options(kafka.directory, least_mb=128, most_mb=384)
    return (kafka.java, *classes.options(kafka.classes), *options, "-cp", f"{kafka.jars}/*")


def _data(kafka: Kafka) -> Path:
    return kafka.directory / "data"
