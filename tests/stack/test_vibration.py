"""A vibration sensor through everything: 25,000 samples in one MQTT message, by a subscription with a pattern."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import sql
from connectors.simulator import vibration
from connectors.verify.report import check
from streams.core.records import DeviceMapping, Interval, Pause, PhysicalDevice
from streams.core.times import SECOND
from streams.scan import table
from tests.ports import free_port
from tests.stack import doors
from tests.stack.conftest import installed
from tests.stack.harness import Process, Stack, eventually
from tests.stack.replay_run import Running
from tests.stack.replay_world import World

SERIAL, HZ = "AAD-1123", 25_000
START = time.time_ns() // SECOND * SECOND - 3 * SECOND
"""The device's second, some of which is paused; the window agent folds what is of now."""
MAPPING = DeviceMapping(
    device=f"vibration:{SERIAL}",
    physical_uid=7,
    intervals=[Interval(1, 0, START + SECOND // 2, [Pause(START + SECOND // 5, START + SECOND // 4)]), Interval(2, START + SECOND // 2)],
)  # fmt: skip
POINTS = "SELECT count(), uniqExact(ts), min(ts), max(ts) FROM points FINAL"


pytestmark = pytest.mark.timeout(600)


class Sensor:
    """The sensor at its broker, and what has become of its messages."""

    def __init__(self, run: Running, door: Process) -> None:
        self.run, self.door, self.sent = run, door, 0

    def publish(self, topic: str, body: bytes, **options: Any) -> None:
        doors.publish(self.run.installation, [(topic, body)], **options)

    def says(self, kind: str, body: bytes, **options: Any) -> None:
        """Send a message, and wait until it has gone through everything."""
        self.publish(vibration.topic(SERIAL, kind), body, **options)
        self.sent += 1
        eventually(lambda: len(doors.raw(self.run.installation)) == self.sent, 120, every=0.5)
        self.run.quiet()

    def rows(self, question: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.run.store.rows(question, parameters)]


@pytest.fixture(scope="module")
def sensor(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sensor]:
    directory = tmp_path_factory.mktemp("vibration")
    with installed(stack, directory) as installation:
        subscription = {
            "filter": "+", "source": "vibration", "pattern": rf"sensor\.{SERIAL}\.(measurements|registry\.created|logs)",
        }  # fmt: skip
        broker = {"port": stack.mqtt_port, "client_id": installation.unique, "subscriptions": [subscription]}
        mqtt = {"name": "mqtt", "brokers": [broker], "health_port": free_port()}
        run = Running(installation, directory, World(1), mqtt=mqtt)
        run.map({MAPPING.device: MAPPING})
        run.start("decode", "window", "clickhouse", "clickhouse-log", "replay")
        door = run.installation.start("run", "mqtt", section="mqtt", log=directory / "mqtt.log", wait=False)
        eventually(door.ready, 180)
        yield Sensor(run, door)
        run.close()


def test_a_batch_is_as_many_rows_and_coming_again_changes_nothing(sensor: Sensor) -> None:
    batch = vibration.batch(SERIAL, START, HZ, 0)
    expected = [(25_000, 25_000, START, START + SECOND - 40_000)]

    sensor.says("measurements", batch, retain=True)
    assert sensor.rows(POINTS) == expected
    assert sensor.rows("SELECT logical_uid, count() FROM points FINAL GROUP BY logical_uid ORDER BY logical_uid") == [
        (0, 1_250), (1, 11_250), (2, 12_500),
    ]  # fmt: skip
    values = [row[0] for row in sensor.rows("SELECT value FROM points FINAL ORDER BY ts LIMIT 3")]
    assert f'"Value":{values[0]}' in batch[:120].decode()

    sensor.says("measurements", batch)
    assert sensor.rows(POINTS) == expected


def test_its_windows_are_those_of_its_rows_and_the_log_says_the_same(sensor: Sensor) -> None:
    whole = "SELECT count(), sum(value), min(value), max(value) FROM points FINAL WHERE value IS NOT NULL"
    [(count, total, least, most)] = sensor.rows(whole)
    windows = "SELECT sum(count), sum(sum), min(min), max(max) FROM aggregates FINAL WHERE window_s = {length:UInt32}"
    for length in (*sensor.run.installation.settings.window.base_s, 3600):
        eventually(
            lambda length=length: (
                sensor.rows(windows, {"length": length})  # type: ignore[misc]  # mypy cannot infer it
                == [(count, pytest.approx(total), least, most)]
            ),
            90,
        )

    report = check(sensor.run.installation.settings)
    assert report.faults == []
    assert {d.table: d.expected for d in report.differences if d.table in ("points", "latest")} == {
        "points": 25_000, "latest": 1,
    }  # fmt: skip


def test_a_dry_run_of_the_same_code_changes_nothing(sensor: Sensor) -> None:
    record = sensor.run.replay()

    assert record["state"] == "ready", record["error"]
    counts = record["figures"]["counts"]
    assert counts == {"added": 0, "removed": 0, "changed": 0, "same": 25_000}


def test_another_mapping_of_the_past_is_found_by_a_dry_run_point_by_point(sensor: Sensor) -> None:
    sensor.run.map({MAPPING.device: DeviceMapping(device=MAPPING.device, physical_uid=7, intervals=[Interval(2, 0)])})
    record = sensor.run.replay()
    sensor.run.map({MAPPING.device: MAPPING})

    assert record["figures"]["counts"] == {"added": 0, "removed": 0, "changed": 12_500, "same": 12_500}


def test_what_the_pattern_does_not_want_is_acknowledged_and_left(sensor: Sensor) -> None:
    before = left(sensor.door)
    for topic in (f"wombat-{SERIAL}", f"sensor.{SERIAL}.commands.sleep"):
        sensor.publish(topic, b"{}")

    eventually(lambda: left(sensor.door) >= before + 2)
    assert len(doors.raw(sensor.run.installation)) == sensor.sent


def test_it_registers_once_and_its_log_can_be_searched(sensor: Sensor) -> None:
    for _ in range(2):
        sensor.says("registry.created", vibration.started(SERIAL, HZ))
    for number, level in enumerate(("INFO", "WARNING", "ERROR")):
        sensor.says("logs", vibration.logged(SERIAL, START + number, level, f'message "{number}"'))

    def registered() -> list[PhysicalDevice]:
        every = table(sensor.run.installation.settings.kafka, "physical-devices", PhysicalDevice).values()
        return [device for device in every if '"sample_frequency"' in device.properties]

    (device,) = eventually(registered)
    assert (device.device, device.name) == (f"vibration:{SERIAL}", SERIAL)
    asked = {"serial": SERIAL, "level": "", "from_time": "2020-01-01", "until_time": "2100-01-01"}
    lines = sensor.rows(sql.query("device_logs"), asked)
    day = datetime.fromtimestamp(START // SECOND, UTC)
    assert lines[1][-1] == (
        f'time="{day:%Y-%m-%dT%H:%M:%S}.000000001Z" logger="{SERIAL}" level="WARNING" message="message \\"1\\""'
    )
    assert [row[:4] for row in lines] == [
        (START, SERIAL, "INFO", 'message "0"'), (START + 1, SERIAL, "WARNING", 'message "1"'),
        (START + 2, SERIAL, "ERROR", 'message "2"'),
    ]  # fmt: skip
    assert sensor.rows(sql.query("device_logs"), asked | {"level": "ERROR", "serial": ""}) == lines[2:]
    assert sensor.rows(sql.query("device_logs"), asked | {"serial": "B"}) == []


def left(door: Process) -> float:
    """How many messages the door has left to others."""
    text = httpx.get(f"http://127.0.0.1:{door.health_port}/metrics", timeout=5).text
    found = [line for line in text.splitlines() if line.startswith('isthmus_ignored_total{reason="not-ours"')]
    return sum(float(line.rpartition(" ")[2]) for line in found)
