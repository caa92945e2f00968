"""The MQTT door and a broker with TLS and users: replicas, taking a session over, who is refused and what waits then."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import certificate
from tests.stack import doors
from tests.stack.harness import Installation, Process, eventually
from tests.stack.secured_broker import SecuredBroker, secured_broker

NESTED = [f"sensors/{place}" for place in ("a", "a/b", "a/b/c/d/e")]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as started:
        yield started


def start(at: Installation, log: Path, entry: dict[str, Any], name: str = "mqtt", *, wait: bool = True) -> Process:
    return at.with_settings(mqtt={"name": name, "brokers": [entry]}).start(
        "run", "mqtt", section="mqtt", log=log, wait=wait
    )


def publish(broker: SecuredBroker, topics: list[str], payload: bytes) -> None:
    async def sending() -> None:
        async with broker.client("device") as client:
            for topic in topics:
                await client.publish(topic, payload, qos=1)

    asyncio.run(sending())


def tells(process: Process, said: str) -> bool:
    return said in process.log.read_text()


def received(at: Installation, payload: bytes) -> list[str]:
    return sorted(record.address for record in doors.raw(at) if record.payload == payload)


def test_replicas_share_a_subscription_of_nested_topics(
    broker: SecuredBroker, installation: Installation, tmp_path: Path
) -> None:
    shared = [{"filter": f"$share/{installation.unique}/sensors/#", "source": "signed"}]
    replicas = [
        start(
            installation,
            tmp_path / f"{name}.log",
            broker.entry("ann", client_id=f"{installation.unique}-{name}", subscriptions=shared),
            name,
        )
        for name in ("one", "two")
    ]
    publish(broker, NESTED * 20, b"shared")

    eventually(lambda: received(installation, b"shared") == sorted(NESTED * 20))
    assert {record.connector for record in doors.raw(installation)} == {"one", "two"}
    assert all(replica.ready() for replica in replicas)
    assert all("mqtt-away" not in replica.log.read_text() for replica in replicas)


def test_a_restart_takes_its_session_over_and_who_is_refused_gets_and_loses_nothing(
    broker: SecuredBroker, installation: Installation, tmp_path: Path
) -> None:
    entry = broker.entry(
        "ann", client_id=installation.unique, subscriptions=[{"filter": "sensors/#", "source": "signed"}]
    )
    start(installation, tmp_path / "first.log", entry).kill()
    other, _ = certificate(tmp_path)
    strangers = {
        "certificate verify failed": entry | {"ca_file": str(other)},
        "Bad user name or password": entry | {"password": "wrong"},
    }
    for said, wrong in strangers.items():
        refused = start(installation, tmp_path / "refused.log", wrong, wait=False)
        eventually(partial(tells, refused, said))
        publish(broker, NESTED, b"waits")
        assert not refused.ready()
        assert "isthmus_received_total{" not in refused.metrics()
        refused.kill()
    assert doors.raw(installation) == []

    start(installation, tmp_path / "again.log", entry)
    eventually(lambda: received(installation, b"waits") == sorted(NESTED * 2))
