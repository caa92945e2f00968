"""The three real servers of the local stack: what each needs before its first start, and its process."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from deploy.local import artemis, classes, jars, java, kafka, mosquitto, ports, serving, store
from deploy.local.plan import Process

LOCK = ".lock"
Name = Literal["kafka", "mqtt", "clickhouse"]
ALL: tuple[Name, ...] = ("kafka", "mqtt", "clickhouse")


class Servers(msgspec.Struct, frozen=True):
    """Which servers are wanted, where they keep their data and listen, the largest record that Kafka takes."""

    directory: Path
    kafka_port: int
    kafka_controller_port: int
    mqtt_port: int
    clickhouse_port: int
    record_bytes: int
    names: tuple[Name, ...] = ALL
    mqtt_broker: Literal["artemis", "mosquitto"] = "artemis"
    jar_cache: Path | None = None
    maven_mirror: str | None = None


def download_bytes(servers: Servers) -> int:
    """Bytes that :func:`prepare` will have to download."""
    return sum(jars.missing(lock, _cache(servers)) for lock in _locks(servers))


def prepare(
    servers: Servers, advance: jars.Advance = lambda _: None, tell: Callable[[str], None] = lambda _: None
) -> tuple[Process, ...]:
    """Fetch jars, write settings, format storage; the servers' processes.

    ``advance`` is told downloaded bytes, ``tell`` what takes seconds, once, before the first start on a machine.

    Raises:
        StackError: a jar, Java or mosquitto cannot be had, or Kafka's storage not be formatted.
    """
    makers: dict[Name, Callable[[], Process]] = {
        "kafka": lambda: _kafka(servers, advance, tell),
        "mqtt": lambda: _mosquitto(servers) if servers.mqtt_broker == "mosquitto" else _artemis(servers, advance, tell),
        "clickhouse": lambda: store.process(store.Store(servers.directory / "clickhouse", servers.clickhouse_port)),
    }
    with _alone(_cache(servers)):
        return tuple(makers[name]() for name in ALL if name in servers.names)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Several at once, as tests are, would each download and lay out the same."""
    with ExitStack() as stack:
        with suppress(OSError):  # nothing is made in a cache that may only be read
            directory.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context((directory / LOCK).open("ab"))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _kafka(servers: Servers, advance: jars.Advance, tell: Callable[[str], None]) -> Process:
    broker = kafka.Kafka(
        directory=servers.directory / "kafka",
        java=_java(),
        jars=jars.fetch(jars.KAFKA, _cache(servers), servers.maven_mirror, advance),
        port=servers.kafka_port,
        controller_port=servers.kafka_controller_port,
        record_bytes=servers.record_bytes,
    )
    broker = replace(
        broker, classes=_classes("Kafka", broker, lambda there: _kafka_trial(broker, there), serving.serve_kafka, tell)
    )
    kafka.prepare(broker)
    return kafka.process(broker)


def _kafka_trial(broker: kafka.Kafka, directory: Path) -> Process:
    port, controller_port = ports.free(2)
    trial = replace(broker, directory=directory, port=port, controller_port=controller_port)
    kafka.prepare(trial)
    return kafka.process(trial)


def _artemis(servers: Servers, advance: jars.Advance, tell: Callable[[str], None]) -> Process:
    broker = artemis.Artemis(
        directory=servers.directory / "artemis",
        java=_java(),
        jars=jars.fetch(jars.ARTEMIS, _cache(servers), servers.maven_mirror, advance),
        port=servers.mqtt_port,
    )
    broker = replace(
        broker,
        classes=_classes(
            "the MQTT broker", broker, lambda there: _artemis_trial(broker, there), serving.serve_mqtt, tell
        ),
    )
    artemis.prepare(broker)
    return artemis.process(broker)


def _artemis_trial(broker: artemis.Artemis, directory: Path) -> Process:
    trial = replace(broker, directory=directory, port=ports.free(1)[0])
    artemis.prepare(trial)
    return artemis.process(trial)


def _classes(
    name: str,
    broker: kafka.Kafka | artemis.Artemis,
    trial: classes.Trial,
    use: classes.Use,
    tell: Callable[[str], None],
) -> Path | None:
    if classes.missing(classes.place(broker.java, broker.jars)):
        tell(f"{name}: laying out its classes, once, so that it starts in half the time …")
    return classes.provide(broker.java, broker.jars, trial, use)


def _mosquitto(servers: Servers) -> Process:
    broker = mosquitto.Mosquitto(servers.directory / "mosquitto", servers.mqtt_port)
    mosquitto.prepare(broker)
    return mosquitto.process(broker)


def _locks(servers: Servers) -> list[str]:
    locks = [jars.KAFKA] if "kafka" in servers.names else []
    return locks + ([jars.ARTEMIS] if "mqtt" in servers.names and servers.mqtt_broker == "artemis" else [])


def _cache(servers: Servers) -> Path:
    return servers.jar_cache or jars.default_cache()


@cache
def _java() -> str:
    return java.find()
