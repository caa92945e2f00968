"""An MQTT connector that holds work and does not move ends with status 70 and comes back without loss; one that waits does not end."""

from pathlib import Path

import pytest

from tests.stack import doors
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy
from tests.stack.stalling import STALLED_S, ended, impatient, stuck
from tests.stack.test_mqtt_door import door as mqtt_door


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
