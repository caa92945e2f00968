"""Sparkplug from a real broker: what decoders remember outlives a killed worker, and a replay has it as live decoding had."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.core.memory import Remembered
from tests.sparkplug import MS, double, metric, payload
from tests.stack import doors, raw_log
from tests.stack.conftest import installed
from tests.stack.harness import PATIENCE, Installation, Stack, eventually
from tests.stack.replay_run import Running
from tests.stack.replay_world import World

BIRTH = [metric("t", double(20.5), alias=7, datatype=10, unit="°C")]
REBIRTH = [metric("p", double(1.25), alias=7, datatype=10, unit="bar")]


class Plant:
    """An edge node with a pump, on its own topics, and an installation that listens to it."""

    def __init__(self, run: Running, directory: Path) -> None:
        self.run, self.group = run, run.installation.unique
        self.device = f"sparkplug:{self.group}/line-1/pump"
        run.start("decode", "window", "clickhouse", "clickhouse-log", "replay")
        run.installation.start("run", "mqtt", section="mqtt", log=directory / "mqtt.log")

    def says(self, *messages: tuple[str, bytes]) -> None:
        """(message type, payload) of the node and the pump, each after the other, as one sender does."""
        for kind, content in messages:
            device = "/pump" if kind.startswith("D") else ""
            doors.publish(self.run.installation, [(f"spBv1.0/{self.group}/{kind}/line-1{device}", content)])

    def rows(self, name: str) -> list[float]:
        """The pump's values of one name, in order of time."""
        wanted = {"device": self.device, "name": name}
        sql = "SELECT value FROM readings WHERE device = {device:String} AND name = {name:String} ORDER BY time"
        return [value for (value,) in self.run.store.rows(sql, wanted)]

    def gets(self, name: str, values: list[float]) -> None:
        eventually(lambda: self.rows(name) == values or False, 30)

    def ends(self) -> dict[int, int]:
        return raw_log.ends(self.run.installation.settings.kafka)


@pytest.fixture(scope="module")
def plant(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    directory = tmp_path_factory.mktemp("memory")
    with installed(stack, directory) as installation:
        broker = {
            "name": "shared", "port": stack.mqtt_port, "client_id": installation.unique,
            "subscriptions": [{"filter": f"spBv1.0/{installation.unique}/#", "source": "sparkplug"}],
        }  # fmt: skip
        run = Running(installation, directory, World(1), mqtt={"brokers": [broker]})
        yield Plant(run, directory)
        run.close()


def by_alias(value: float, second: int) -> tuple[str, bytes]:
    return "DDATA", payload([metric(value=double(value), alias=7)], MS + second * 1000)


def test_a_killed_worker_s_successor_knows_the_births_and_a_replay_of_later_data_changes_nothing(plant: Plant) -> None:
    plant.says(("NBIRTH", payload()), ("DBIRTH", payload(BIRTH)), by_alias(21.5, 1))
    plant.gets("t", [20.5, 21.5])
    plant.run.quiet()
    before = plant.ends()

    plant.run.kill("decode")
    plant.says(by_alias(22.5, 2), ("DBIRTH", payload(BIRTH, MS + 3000)), by_alias(23.5, 4))
    plant.run.start("decode")

    plant.gets("t", [20.5, 21.5, 22.5, 20.5, 23.5])
    plant.run.quiet()
    selected = {str(p): [before[p], end] for p, end in plant.ends().items() if end > before[p]}
    dry = plant.run.replay(selection={"offsets": selected})
    assert (dry["state"], dry["error"]) == ("ready", "")
    assert dry["figures"]["counts"] == {"added": 0, "removed": 0, "changed": 0, "same": 4}
    kept = raw_log.values(plant.run.installation.settings.kafka, "memories", Remembered)
    assert {one.key for one in kept} == {f"sparkplug:{plant.group}/line-1"}
    assert len({one.raw_offset for one in kept}) == 2


def test_a_replay_knows_births_that_live_decoding_has_not_come_to(plant: Plant) -> None:
    plant.run.quiet()
    plant.run.kill("decode")
    plant.says(("DBIRTH", payload(REBIRTH, MS + 5000)), by_alias(1.5, 6), by_alias(1.75, 7))
    end = eventually(lambda: {p: e for p, e in plant.ends().items() if e > 6})
    ((partition, last),) = end.items()
    dry = eventually(lambda: dry_run(plant, partition, last - 2, last))

    assert dry["figures"]["counts"] == {"added": 2, "removed": 0, "changed": 0, "same": 0}
    plant.run.start("decode")
    plant.gets("p", [1.25, 1.5, 1.75])
    assert plant.rows("t") == [20.5, 21.5, 22.5, 20.5, 23.5]


def test_the_log_and_the_store_agree(plant: Plant) -> None:
    plant.run.quiet()
    checked = plant.run.api.command("verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def dry_run(plant: Plant, partition: int, first: int, end: int) -> dict[str, dict[str, dict[str, int]]]:
    made = plant.run.replay(selection={"offsets": {str(partition): [first, end]}})
    assert (made["state"], made["error"]) == ("ready", "")
    return made


def test_what_is_missing_is_rebuilt_from_raw_once(stack: Stack, tmp_path: Path) -> None:
    with installed(stack, tmp_path) as installation:
        kafka, topic = installation.settings.kafka, "spBv1.0/g/DBIRTH/e/d"
        births = [payload(BIRTH), payload(BIRTH, MS + 1000), payload(REBIRTH)]
        records = [replace(raw_log.json_record(n, "sparkplug", one), address=topic) for n, one in enumerate(births)]
        raw_log.write_raw(kafka, [*records, b"no record", raw_log.json_record(9)], partition=1)

        said = [rebuilt(installation, tmp_path / f"{n}.log") for n in range(2)]

        assert said == ["2 record(s) added to what is remembered\n", "0 record(s) added to what is remembered\n"]
        kept = raw_log.values(kafka, "memories", Remembered)
        assert [(one.key, one.raw_partition, one.raw_offset) for one in kept] == [
            ("sparkplug:g/e", 1, 0), ("sparkplug:g/e", 1, 2),
        ]  # fmt: skip


def rebuilt(installation: Installation, log: Path) -> str:
    process = installation.start("memories", "rebuild", log=log, wait=False)
    assert process.popen.wait(60 * PATIENCE) == 0, log.read_text()
    return log.read_text()
