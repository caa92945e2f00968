"""The runner on the real Kafka: killed, moved, starved and disturbed, it delivers everything, and files and posts once."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import TopicPartition

from streams import archive, avro, kafka
from streams.core.records import DeviceEvent, LogicalDevice
from tests.connectors.sinks.making import NOON
from tests.stack.harness import Installation, Process, eventually
from tests.stack.sinks import committed, dead_letters, map_devices, numbered, records, send
from tests.stack.ubidots import Ubidots


@pytest.fixture
def mapped(installation: Installation) -> Installation:
    map_devices(installation)
    return installation


@pytest.fixture
def outside() -> Iterator[Ubidots]:
    made = Ubidots()
    yield made
    made.stop()


def start(installation: Installation, sink: str, log: Path) -> Process:
    return installation.start("run", "sink", sink, section="sink", log=log / f"{sink}.log", wait=False)


def files(root: Path) -> list[str]:
    return [path.stem for path in root.glob("raw_data/*/*.json")]


def lines(root: Path) -> Counter[str]:
    """How often each correlation id stands in the segments."""
    paths = [path for path in root.glob("segments/*/*") if path.suffix in (".ndjson", ".open")]
    found = [line for path in paths if path.name != "manifest.ndjson" for line in path.read_text().splitlines()]
    return Counter(json.loads(line)["broker_correlation_id"] for line in found)


def ids(numbers: range) -> list[str]:
    return sorted(f"cid-{number}" for number in numbers)


def test_kill_9_and_redelivery_leave_every_file_and_line_once(mapped: Installation, tmp_path: Path) -> None:
    root = tmp_path / "files"
    send(mapped, range(1200), ("readings", b"junk"))
    process = start(mapped, "files", tmp_path)
    eventually(lambda: len(files(root)) > 200, every=0.01)
    process.kill()
    send(mapped, range(900, 1400))
    process = start(mapped, "files", tmp_path)
    eventually(lambda: committed(mapped, "files", "readings") == 1200 + 1 + 500)

    assert sorted(files(root)) == ids(range(1400))
    assert lines(root) == Counter(ids(range(1400)))
    assert [(letter.stage, letter.reason) for letter in dead_letters(mapped)] == [("sink:files", "not-avro")]
    assert process.stop() == 0


def test_a_dead_outside_delays_nobody_else_and_loses_nothing(
    mapped: Installation, outside: Ubidots, tmp_path: Path
) -> None:
    both = mapped.with_settings(ubidots=outside.settings)
    send(both, range(300))
    name_device(both, 10, "North paddock")
    waiting, other = start(both, "ubidots", tmp_path), start(both, "files", tmp_path)
    eventually(lambda: committed(both, "files", "readings") == 300)
    assert other.ready()
    eventually(lambda: "retrying: POST" in readiness(waiting))
    assert committed(both, "ubidots", "readings") == 0

    outside.start()
    eventually(lambda: committed(both, "ubidots", "readings") == 300)
    assert outside.dots() == {
        (f"isthmus-{10 + number % 6}", "t", NOON // 1_000_000 + number * 1000): float(number) for number in range(300)
    }
    assert outside.account.counts["dots"] == 300
    assert outside.account.counts["status_429"] == 0

    (event,) = eventually(lambda: [e for e in records(both, "device-events", DeviceEvent) if e.kind == "labelled"])
    assert (event.properties["logical_uid"], event.properties["label"]) == ("10", "isthmus-10")
    assert outside.account.devices["isthmus-10"]["name"] == "North paddock"
    name_device(both, 10, "South paddock")
    eventually(lambda: outside.account.devices["isthmus-10"]["name"] == "South paddock")
    assert waiting.stop() == 0


def readiness(process: Process) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{process.health_port}/readyz").text
    except httpx.TransportError:
        return ""


def name_device(installation: Installation, uid: int, name: str) -> None:
    producer = kafka.BatchProducer(installation.settings.kafka)
    producer.send("logical-devices", str(uid), avro.encode(LogicalDevice(uid=uid, name=name)))
    producer.flush()


def test_partitions_that_move_between_runners_are_written_once(mapped: Installation, tmp_path: Path) -> None:
    free = mapped.with_settings(files={"layout": "segments"}, sink={"instance": None})
    root = tmp_path / "files"
    send(free, range(2000))
    first = start(free, "files", tmp_path)
    eventually(lambda: committed(free, "files", "readings") > 0, every=0.01)
    second = start(free, "files", tmp_path)
    send(free, range(2000, 4000))
    eventually(lambda: second.ready() and "isthmus_sink_records_total" in second.metrics())
    send(free, range(4000, 5000))
    assert first.stop() == 0
    send(free, range(5000, 6000))
    eventually(lambda: committed(free, "files", "readings") == 6000)
    assert second.stop() == 0
    assert lines(root) == Counter(ids(range(6000)))


def test_the_archive_holds_raw_byte_for_byte_after_kill_9(installation: Installation, tmp_path: Path) -> None:
    producer = kafka.BatchProducer(installation.settings.kafka)

    def produce(numbers: range) -> None:
        for number in numbers:
            producer.send("raw", b"key", b"%d" % number, partition=number % 4)
        producer.flush()

    produce(range(8000))
    process = start(installation, "archive", tmp_path)
    eventually(lambda: committed(installation, "archive", "raw") > 0, every=0.01)
    produce(range(8000, 12_000))
    process.kill()
    start(installation, "archive", tmp_path)
    eventually(lambda: committed(installation, "archive", "raw") == 12_000)
    for partition in range(4):
        found = list(archive.read(str(tmp_path / "archive"), partition, 0, 3000))
        values = [one.value for one in found if isinstance(one, archive.Archived)]
        assert values == [b"%d" % number for number in range(partition, 12_000, 4)]


def test_what_damaged_files_lost_is_read_from_the_log_again(mapped: Installation, tmp_path: Path) -> None:
    send(mapped, range(1200), *(("raw", b"%d" % number) for number in range(800)))
    sinks = ("archive", "files")
    processes = [start(mapped, sink, tmp_path) for sink in sinks]
    eventually(lambda: sorted(files(tmp_path / "files")) == ids(range(1200)))
    eventually(lambda: len(archived(tmp_path / "archive")) == 800)
    eventually(lambda: committed(mapped, "archive", "raw") == 800)
    eventually(lambda: committed(mapped, "files", "readings") == 1200)
    assert [process.stop() for process in processes] == [0, 0]
    for path in tmp_path.rglob("*.open"):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] + b"damage" + content[len(content) // 2 + 6 :])

    damaged = len(list(tmp_path.rglob("*.open")))
    processes = [start(mapped, sink, tmp_path) for sink in sinks]
    eventually(lambda: len(list(tmp_path.rglob("*.damaged-????????????"))) == damaged)
    eventually(lambda: not list(tmp_path.rglob(".again")))

    assert lines(tmp_path / "files") == Counter(ids(range(1200)))
    assert sorted(archived(tmp_path / "archive")) == sorted(b"%d" % number for number in range(800))
    assert sorted(files(tmp_path / "files")) == ids(range(1200))
    assert [process.stop() for process in processes] == [0, 0]


def archived(root: Path) -> list[bytes]:
    found = [one for partition in range(4) for one in archive.contents(str(root), partition)]
    return [one.value for one in found if isinstance(one, archive.Archived) and one.value]


def test_a_hole_in_the_log_is_an_alarm_and_no_silent_skip(mapped: Installation, tmp_path: Path) -> None:
    send(mapped, range(10))
    settings = mapped.settings.kafka
    consumer = kafka.consumer(settings, "sink-log")
    consumer.commit(offsets=[TopicPartition(settings.prefix + "readings", 0, 999)], asynchronous=False)
    consumer.close()
    process = start(mapped, "log", tmp_path)
    assert eventually(process.popen.poll) == 1
    assert "hole" in process.log.read_text()
    assert numbered(0).correlation_id not in process.log.read_text().partition("hole")[2]
