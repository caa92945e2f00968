"""An MQTT connector that holds work and does not move ends with status 70 and comes back without loss; one that waits does not end."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack import doors
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Process, Stack, eventually
from tests.stack.proxy import Proxy
from tests.stack.stalling import STALLED_S, ended, impatient, stuck
from tests.stack.test_mqtt_door import door as mqtt_door

PAYLOADS = {b"%d" % number for number in range(20)}


@dataclass
class Door:
    """A connector, its installation, its way to Kafka and its log."""

    at: Installation
    process: Process
    proxy: Proxy
    log: Path

    def connected(self) -> bool:
        return "mqtt-connected" in self.log.read_text()

    def sent(self) -> None:
        doors.publish(self.at, [(f"{self.at.unique}/json/a", payload) for payload in sorted(PAYLOADS)])

    def stored(self) -> bool:
        """Whether all that was sent is in Kafka, which is asked directly."""
        direct = self.at.with_settings(kafka={"bootstrap_servers": self.at.stack.kafka})
        return {record.payload for record in doors.raw(direct)} == PAYLOADS


def opened(stack: Stack, directory: Path, ends: ExitStack, bug: str | None) -> Door:
    """With a proxy before Kafka; ``bug``: see ``tests.stack.stuck``."""
    directory.mkdir()
    installation = ends.enter_context(installed(stack, directory))
    proxy, log = Proxy(stack.kafka, kafka=True), directory / "mqtt.log"
    proxy.open()
    ends.callback(proxy.close)
    at = mqtt_door(installation).with_settings(kafka={"bootstrap_servers": proxy.address})
    if bug:
        process = stuck(at, bug, "run", "mqtt", section="mqtt", log=log)
    else:
        process = impatient(at).start("run", "mqtt", section="mqtt", log=log, wait=False)
    return Door(at, process, proxy, log)


@pytest.fixture(scope="module")
def at_work(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Two with a bug, and two that wait for Kafka. All at once, since all that happens is that time passes."""
    directory = tmp_path_factory.mktemp("stalled")
    with ExitStack() as ends:
        bugs = {"forgets-to-poll": True, "blocks-its-loop": True, "away": False, "frozen": False}
        made = {name: opened(stack, directory / name, ends, name if bug else None) for name, bug in bugs.items()}
        for each in made.values():
            eventually(each.connected)
        made["away"].proxy.shut()
        made["frozen"].proxy.silence()
        for each in made.values():
            each.sent()
        yield made


@pytest.mark.parametrize(("bug", "place"), [("forgets-to-poll", "records of mqtt"), ("blocks-its-loop", "event loop")])
def test_an_mqtt_connector_that_stands_still_ends_and_loses_nothing(
    at_work: dict[str, Door], bug: str, place: str
) -> None:
    door = at_work[bug]

    assert ended(door.process, place)

    door.at.start("run", "mqtt", section="mqtt", log=door.log)
    eventually(door.stored)


def held_for(process: Process, seconds: float) -> bool:
    """Whether its oldest record has been waiting for Kafka for so long."""
    shown = [line for line in process.metrics().splitlines() if line.startswith("isthmus_oldest_held_seconds{")]
    return bool(shown) and float(shown[0].split()[1]) > seconds


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_an_mqtt_connector_waits_for_kafka(at_work: dict[str, Door], how: str) -> None:
    door = at_work[how]

    eventually(lambda: held_for(door.process, 3 * STALLED_S))
    assert door.process.popen.poll() is None
    (door.proxy.open if how == "away" else door.proxy.resume)()
    eventually(door.stored)
    eventually(door.process.ready)
    assert door.process.stop() == 0
