"""A process that holds work and does not move ends with status 70 and comes back without loss; one that waits does not end."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from connectors.sinks.clickhouse.migrate import migrate
from streams import avro, kafka
from streams.core.records import LogicalDevice
from streams.registry.state import LOGICAL, RECORDS
from tests.ports import free_port
from tests.stack.api import Api
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy
from tests.stack.stalling import ended, impatient, stuck


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


def test_a_sink_that_follows_nothing_waits_for_kafka(installation: Installation, tmp_path: Path, proxy: Proxy) -> None:
    at, log = (
        impatient(installation.with_settings(kafka={"bootstrap_servers": proxy.address})),
        tmp_path / "archive.log",
    )
    process = at.start("run", "sink", "archive", section="sink", log=log)
    proxy.shut()

    eventually(lambda: log.read_text().count("membership-over") > 2, 60)  # one every six seconds
    assert process.popen.poll() is None
    proxy.open()
    eventually(process.ready)
    assert process.stop() == 0


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
