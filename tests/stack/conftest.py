"""The real stack, started once per test run on free ports, and an installation of its own for each test."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams import kafka, topics
from streams.settings import KafkaSettings, Settings
from tests.stack.harness import Installation, Stack
from tests.stack.proxy import Proxy
from tests.stack.replayed import Replayed

STACK_VARIABLE = "ISTHMUS_TEST_STACK"
"""`kafka=host:port,mqtt=host:port,clickhouse=url` of servers to use instead of starting some."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/stack needs the stack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Real Kafka, a real MQTT broker and the real ClickHouse engine."""
    named = os.environ.get(STACK_VARIABLE)
    if named:
        yield Stack.parse(named)
        return
    with Stack.started(tmp_path_factory.mktemp("stack")) as started:
        yield started


@pytest.fixture(scope="module")
def tables(stack: Stack) -> Iterator[Replayed]:
    """The store of replays, without Kafka."""
    made = Replayed(stack.clickhouse)
    yield made
    made.close()


@pytest.fixture
def bench(tables: Replayed) -> Replayed:
    """It, with nothing in it."""
    return tables.emptied()


@pytest.fixture
def installation(stack: Stack, tmp_path: Path) -> Iterator[Installation]:
    """An installation that no other test has; more settings by `installation.with_settings(...)`."""
    with installed(stack, tmp_path) as made:
        yield made


@pytest.fixture
def proxy(installation: Installation) -> Iterator[Proxy]:
    """Kafka, as it is reached while the proxy is open."""
    made = Proxy(installation.stack.kafka, kafka=True)
    made.open()
    yield made
    made.close()


@contextmanager
def installed(stack: Stack, directory: Path) -> Iterator[Installation]:
    """Topics, groups, a database name and directories of its own."""
    unique = "t" + uuid.uuid4().hex[:10]
    overrides: dict[str, Any] = {
        "kafka": {"bootstrap_servers": stack.kafka, "prefix": f"{unique}."},
        "clickhouse": {"url": stack.clickhouse, "database": unique, "rollup_share": 0.5},  # replays wait for rollups
        "spool": {"directory": str(directory / "spool")},
        "diversion": {"url": str(directory / "diverted")},
        "files": {
            "directory": str(directory / "files"),
            "archive": str(directory / "archive"),
            "device_logs": str(directory / "device-logs"),
        },
    }
    made = Installation(stack, unique, overrides)
    topics.create(Settings(**overrides).kafka)
    try:
        yield made
    finally:
        made.close()
        _remove_topics(made.settings.kafka)


def _remove_topics(settings: KafkaSettings) -> None:
    """A broker with the topics of hundreds of tests is slow, and refuses work in the end."""
    admin = kafka.admin(settings)
    for future in admin.delete_topics([new.topic for new in topics.wanted(settings)]).values():
        future.exception(30)
