"""A process that holds work and does not move ends with status 70 and comes back without loss; one that waits does not end."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import TopicPartition

from connectors.sinks.clickhouse.migrate import migrate
from streams import avro, kafka
from streams.core.records import LogicalDevice
from streams.registry.state import LOGICAL, RECORDS
from tests.stack import doors
from tests.stack.api import Api
from tests.stack.harness import PATIENCE, Installation, Process, eventually, free_port
from tests.stack.proxy import Proxy
from tests.stack.test_mqtt_door import door as mqtt_door

STALLED = 70
STALLED_S = 8


def impatient(installation: Installation) -> Installation:
    return installation.with_settings(watchdog={"stalled_s": STALLED_S})


def stuck(installation: Installation, bug: str, *arguments: str, section: str | None, log: Path) -> Process:
    return impatient(installation).start(
        bug, *arguments, section=section, log=log, module="tests.stack.stuck", wait=False
    )


def ended(process: Process, what: str) -> bool:
    """Whether it ended as stalled, and said what did not move."""
    return process.popen.wait(60 * PATIENCE) == STALLED and f"{what} has not moved for" in process.log.read_text()


@pytest.fixture
def proxy(installation: Installation) -> Iterator[Proxy]:
    made = Proxy(installation.stack.kafka, kafka=True)
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize(("bug", "place"), [("forgets-to-poll", "records of mqtt"), ("blocks-its-loop", "event loop")])
def test_an_mqtt_connector_that_stands_still_ends_and_loses_nothing(
    installation: Installation, tmp_path: Path, bug: str, place: str
) -> None:
    at, log = mqtt_door(installation), tmp_path / "mqtt.log"
    process = stuck(at, bug, "run", "mqtt", section="mqtt", log=log)
    eventually(lambda: "mqtt-connected" in log.read_text())
    payloads = {b"%d" % number for number in range(20)}
    doors.publish(at, [(f"{at.unique}/json/a", payload) for payload in sorted(payloads)])

    assert ended(process, place)

    at.start("run", "mqtt", section="mqtt", log=log)
    eventually(lambda: {record.payload for record in doors.raw(at)} == payloads)


def held_for(process: Process, seconds: float) -> bool:
    """Whether its oldest record has been waiting for Kafka for so long."""
    shown = [line for line in process.metrics().splitlines() if line.startswith("isthmus_oldest_held_seconds{")]
    return bool(shown) and float(shown[0].split()[1]) > seconds


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_an_mqtt_connector_waits_for_kafka(installation: Installation, tmp_path: Path, proxy: Proxy, how: str) -> None:
    at = impatient(mqtt_door(installation).with_settings(kafka={"bootstrap_servers": proxy.address}))
    process = at.start("run", "mqtt", section="mqtt", log=tmp_path / "mqtt.log")
    payloads = {b"%d" % number for number in range(20)}
    (proxy.shut if how == "away" else proxy.silence)()
    doors.publish(installation, [(f"{at.unique}/json/a", payload) for payload in sorted(payloads)])

    eventually(lambda: held_for(process, 3 * STALLED_S))
    assert process.popen.poll() is None
    (proxy.open if how == "away" else proxy.resume)()
    eventually(lambda: {record.payload for record in doors.raw(installation)} == payloads)
    eventually(process.ready)
    assert process.stop() == 0


def test_a_webhook_whose_spool_stands_still_ends_and_loses_nothing(
    installation: Installation, tmp_path: Path, proxy: Proxy
) -> None:
    port, log = free_port(), tmp_path / "webhook.log"
    at = installation.with_settings(
        webhook={"port": port},
        kafka={"bootstrap_servers": proxy.address},
        spool=installation.overrides["spool"] | {"takeover_s": 0.3},
    )
    process = stuck(at, "forgets-its-spool", "run", "webhook", section="webhook", log=log)
    eventually(process.ready)
    proxy.shut()
    bodies = {b"%d" % number for number in range(20)}
    for body in bodies:
        assert httpx.post(f"http://127.0.0.1:{port}/webhooks/json", content=body).status_code == 204
    assert process.popen.poll() is None
    proxy.open()

    assert ended(process, "spool of webhook")

    direct = at.with_settings(kafka={"bootstrap_servers": installation.stack.kafka})
    direct.start("run", "webhook", section="webhook", log=log)
    eventually(lambda: bodies <= {record.payload for record in doors.raw(installation)})


def test_a_poller_whose_question_never_ends_ends(installation: Installation, tmp_path: Path) -> None:
    settings = {"timeout_s": 0.5, "ict_eagleio": {"token": "t", "url": f"http://127.0.0.1:{free_port()}"}}
    at = installation.with_settings(pollers=settings)
    log = tmp_path / "poller.log"

    assert ended(
        stuck(at, "waits-for-an-answer", "run", "poller", "ict_eagleio", section="pollers", log=log),
        "polls of ict_eagleio",
    )


def test_a_replay_worker_that_hangs_ends(installation: Installation, tmp_path: Path) -> None:
    process = stuck(installation, "hangs-in-a-replay", "run", "replay", section="replay", log=tmp_path / "replay.log")

    assert ended(process, "replays")


@pytest.mark.parametrize(("bug", "place"), [("forgets-to-read", "registry"), ("forgets-the-election", "election")])
def test_an_api_process_that_stands_still_ends(
    installation: Installation, tmp_path: Path, bug: str, place: str
) -> None:
    at = installation.with_settings(api={"port": free_port(), "directory": str(tmp_path / "api")})

    assert ended(stuck(at, bug, "run", "api", section=None, log=tmp_path / "api.log"), place)


def test_an_agent_whose_loop_is_blocked_ends_though_it_has_nothing_to_do(
    installation: Installation, tmp_path: Path
) -> None:
    process = stuck(installation, "blocks-when-idle", "run", "window", section="window", log=tmp_path / "window.log")

    assert ended(process, "event loop")


def test_a_sink_that_does_not_come_on_with_the_registry_ends(installation: Installation, tmp_path: Path) -> None:
    migrate(installation.settings.clickhouse)
    process = stuck(
        installation, "forgets-a-topic", "run", "sink", "clickhouse-log", section="sink", log=tmp_path / "sink.log"
    )
    producer = kafka.BatchProducer(installation.settings.kafka)
    producer.send(LOGICAL, "7", avro.encode(LogicalDevice(uid=7, name="a")))
    producer.flush()

    assert ended(process, f"{kafka.topic(installation.settings.kafka, LOGICAL)} 0")


def lags(process: Process) -> dict[str, float]:
    lines = [line for line in process.metrics().splitlines() if line.startswith("isthmus_lag{")]
    return {line.split('topic="')[1].split('"')[0]: float(line.split()[1]) for line in lines}


def test_markers_of_transactions_are_no_lag_of_the_registry(installation: Installation, tmp_path: Path) -> None:
    api = Api(impatient(installation), tmp_path)
    api.wait_ready()
    with api.client() as client:
        assert client.post("/logical/devices", json={"name": "a"}).status_code == 201
    topic = kafka.topic(installation.settings.kafka, LOGICAL)

    behind = eventually(lambda: found if topic in (found := lags(api.process)) and not any(found.values()) else {})

    assert len(behind) == len(RECORDS)
    asking = kafka.consumer(installation.settings.kafka, None)
    assert asking.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] == 2, "the record and its marker"
    asking.close()
