"""A process that holds work and does not move ends with status 70 and comes back without loss; one that waits does not end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from connectors.sinks.clickhouse.migrate import migrate
from streams import avro, kafka
from streams.core.records import LogicalDevice
from streams.registry.state import LOGICAL, RECORDS
from tests.ports import free_port
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Process, Stack, eventually
from tests.stack.proxy import Proxy
from tests.stack.stalling import ended, impatient, stuck


@pytest.fixture(scope="module")
def standing(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """By what of them stands still. All at once, since all that they do is wait for their watchdogs."""
    directory = tmp_path_factory.mktemp("stalled")
    with installed(stack, directory) as at:
        migrate(at.settings.clickhouse)
        yield {
            "polls of ict_eagleio": stuck_poller(at, directory),
            "replays": stuck(at, "hangs-in-a-replay", "run", "replay", section="replay", log=directory / "replay.log"),
            "registry": stuck_api(at, "forgets-to-read", directory),
            "election": stuck_api(at, "forgets-the-election", directory),
            "event loop": stuck(
                at, "blocks-when-idle", "run", "window", section="window", log=directory / "window.log"
            ),
            f"{kafka.topic(at.settings.kafka, LOGICAL)} 0": stuck_sink(at, directory),
        }


def stuck_poller(at: Installation, directory: Path) -> Process:
    """An attempt may take half a minute longer than its settings say, so that it ends last."""
    settings = {"timeout_s": 0.5, "ict_eagleio": {"token": "t", "url": f"http://127.0.0.1:{free_port()}"}}
    own, log = at.with_settings(pollers=settings), directory / "poller.log"
    return stuck(own, "waits-for-an-answer", "run", "poller", "ict_eagleio", section="pollers", log=log)


def stuck_api(at: Installation, bug: str, directory: Path) -> Process:
    own = at.with_settings(api={"port": free_port(), "directory": str(directory / bug)})
    return stuck(own, bug, "run", "api", section=None, log=directory / f"{bug}.log")


def stuck_sink(at: Installation, directory: Path) -> Process:
    """Its registry has something that it does not get."""
    process = stuck(at, "forgets-a-topic", "run", "sink", "clickhouse-log", section="sink", log=directory / "sink.log")
    producer = kafka.BatchProducer(at.settings.kafka)
    producer.send(LOGICAL, "7", avro.encode(LogicalDevice(uid=7, name="a")))
    producer.flush()
    return process


def test_a_replay_worker_that_hangs_ends(standing: dict[str, Process]) -> None:
    assert ended(standing["replays"], "replays")


@pytest.mark.parametrize("place", ["registry", "election"])
def test_an_api_process_that_stands_still_ends(standing: dict[str, Process], place: str) -> None:
    assert ended(standing[place], place)


def test_an_agent_whose_loop_is_blocked_ends_though_it_has_nothing_to_do(standing: dict[str, Process]) -> None:
    assert ended(standing["event loop"], "event loop")


def test_a_sink_that_does_not_come_on_with_the_registry_ends(standing: dict[str, Process]) -> None:
    (place,) = (place for place in standing if LOGICAL in place)

    assert ended(standing[place], place)


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


def test_a_poller_whose_question_never_ends_ends(standing: dict[str, Process]) -> None:
    assert ended(standing["polls of ict_eagleio"], "polls of ict_eagleio")
