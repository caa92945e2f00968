"""What stack tests share: servers, an installation's settings, product processes to start, kill and wait for."""

import json
import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from confluent_kafka import KafkaException

from deploy.local import daemon, servers
from deploy.local.plan import Plan
from deploy.local.servers import Servers
from streams import kafka
from streams.settings import KafkaSettings, Settings
from tests.ports import free_port
from tests.stack.starter import Forked, starter

T = TypeVar("T")

PATIENCE = 4
"""Waits are this many times longer than a quiet machine needs: several stacks share the cores of a test run."""

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For HTTP without TLS: httpx would read all the world's authorities, 25 ms of CPU, for each client."""


def eventually(check: Callable[[], T], timeout: float = 30, every: float = 0.05) -> T:
    """The first true answer of ``check``; a failure names the last one. ``timeout`` in s, on a quiet machine."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after {timeout} s"
        time.sleep(every)


@dataclass(frozen=True)
class Stack:
    """Addresses of the three real servers."""

    kafka: str
    mqtt: str
    clickhouse: str

    @classmethod
    def parse(cls, named: str) -> "Stack":
        """From `kafka=…,mqtt=…,clickhouse=…`."""
        return cls(**dict(part.split("=", 1) for part in named.split(",")))

    @classmethod
    @contextmanager
    def started(cls, directory: Path) -> Iterator["Stack"]:
        """Servers of our own on free ports, stopped at the end."""
        wanted = Servers(
            directory=directory,
            kafka_port=free_port(),
            kafka_controller_port=free_port(),
            mqtt_port=free_port(),
            clickhouse_port=free_port(),
            record_bytes=KafkaSettings().max_record_bytes,
        )
        daemon.up(directory, Plan(servers.prepare(wanted), str(directory), owner=os.getpid()))
        try:
            yield cls(
                kafka=f"127.0.0.1:{wanted.kafka_port}",
                mqtt=f"127.0.0.1:{wanted.mqtt_port}",
                clickhouse=f"http://127.0.0.1:{wanted.clickhouse_port}",
            )
        finally:
            daemon.down(directory)

    @property
    def mqtt_port(self) -> int:
        """The MQTT broker's port."""
        return int(self.mqtt.rpartition(":")[2])


@dataclass
class Process:
    """A product process."""

    popen: Forked
    health_port: int
    log: Path

    def ready(self) -> bool:
        """Whether /readyz says so; a process that ended is a failure at once."""
        assert self.popen.poll() is None, f"ended with {self.popen.returncode}:\n{self.log.read_text()[-4000:]}"
        try:
            return httpx.get(f"http://127.0.0.1:{self.health_port}/readyz", timeout=2, verify=PLAIN).status_code == 200
        except httpx.TransportError:
            return False

    def metrics(self) -> str:
        """The Prometheus text."""
        return httpx.get(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5, verify=PLAIN).text

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait."""
        self.popen.kill()
        self.popen.wait(10)

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM, and the exit status."""
        self.popen.terminate()
        return self.popen.wait(timeout)


@dataclass
class Installation:
    """One test's own topics, groups, database and directories on the shared servers."""

    stack: Stack
    unique: str
    overrides: dict[str, Any]
    processes: list[Process] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings that its processes get."""
        return Settings(**self.overrides)

    def with_settings(self, **sections: dict[str, Any]) -> "Installation":
        """The same installation with more settings; processes are still stopped by the first."""
        merged = dict(self.overrides)
        for name, values in sections.items():
            merged[name] = merged.get(name, {}) | values
        return Installation(self.stack, self.unique, merged, self.processes)

    def environment(self) -> dict[str, str]:
        """Variables that hand the settings to a process."""
        variables = {f"ISTHMUS_{name.upper()}": json.dumps(values) for name, values in self.overrides.items()}
        variables["ISTHMUS_PROFILE"] = "local"  # whoever runs the tests may be logged in elsewhere
        return {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")} | variables

    def start(
        self,
        *arguments: str,
        section: str | None = None,
        log: Path,
        wait: bool = True,
        module: str = "connectors.cli",
    ) -> Process:
        """Start `isthmus ARGUMENTS`; its health port goes into settings ``section`` (decode, window, mqtt, sink …)."""
        port = free_port()
        child = self.with_settings(**{section: {"health_port": port}}) if section else self
        with log.open("ab") as out, open(os.devnull, "rb") as nothing:
            popen = starter().start(module, arguments, child.environment(), (nothing, out, out))
        process = Process(popen, port, log)
        self.processes.append(process)
        if wait:
            eventually(process.ready, 60)
        return process

    def close(self) -> None:
        """Stop what still runs, and delete the topics: thousands of idle partitions slow a broker down."""
        for process in self.processes:
            if process.popen.poll() is None:
                process.kill()
        admin = kafka.admin(self.settings.kafka)
        with suppress(KafkaException):
            ours = [name for name in admin.list_topics(timeout=5).topics if name.startswith(f"{self.unique}.")]
            deleting = admin.delete_topics(ours) if ours else {}
            wait(deleting.values(), timeout=5)
