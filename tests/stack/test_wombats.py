"""Scripts for Wombat nodes, left on a real MQTT broker."""

import asyncio
from collections.abc import Iterator

import pytest

from streams.core.records import PhysicalDevice
from streams.registry.state import PHYSICAL, Change
from streams.settings import MqttBroker, MqttSettings, Settings
from tests.connectors.api.memory import NOWHERE, Api
from tests.stack.harness import Stack

SERIAL = "B8D61A0100AA"
BOXES = [
    PhysicalDevice(uid=1, device="wombat:1", source="wombat", name="node", source_ids={"serial_no": SERIAL}),
    PhysicalDevice(uid=2, device="wombat:2", source="wombat", name="odd", source_ids={"serial_no": "a/+"}),
    PhysicalDevice(uid=3, device="ttn:3", source="ttn", name="other", source_ids={"serial_no": SERIAL}),
]
REGISTERED = [Change(PHYSICAL, str(box.uid), box) for box in BOXES]


def at(port: int) -> Settings:
    """Settings with a broker there."""
    return NOWHERE.model_copy(update={"mqtt": MqttSettings(brokers=(MqttBroker(port=port),))})


@pytest.fixture
def call(stack: Stack) -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner, REGISTERED, at(stack.mqtt_port))


def test_a_script_waits_until_it_is_taken_back(call: Api) -> None:
    nothing = {"uid": 1, "serial_no": SERIAL, "script": None}
    assert call("GET", "/api/wombats/1/script").json() == nothing
    left = nothing | {"script": "ftp login\nftp upload log.txt\nftp logout\n"}
    assert call("PUT", "/api/wombats/1/script", json={"action": "logs"}).json() == left
    assert call("GET", "/api/wombats/1/script").json() == left
    call("PUT", "/api/wombats/1/script", json={"action": "ota"})
    assert call("GET", "/api/wombats/1/script").json()["script"] == "config ota 1\nconfig reboot\n"
    assert call("DELETE", "/api/wombats/1/script").json() == nothing
    assert call("GET", "/api/wombats/1/script").json() == nothing


def test_only_wombats_get_scripts_and_a_broker_that_is_away_is_503(call: Api) -> None:
    assert call("GET", "/api/wombats/3/script").json()["detail"] == "Physical device 3 is no Wombat."
    assert call("PUT", "/api/wombats/2/script", json={"action": "logs"}).status_code == 409
    assert call("PUT", "/api/wombats/1/script", json={"action": "format"}).status_code == 422
    assert call("GET", "/api/wombats/9/script").status_code == 404
    with asyncio.Runner() as runner:
        answer = Api(runner, REGISTERED, at(1))("PUT", "/api/wombats/1/script", json={"action": "logs"})
    assert (answer.status_code, "does not take it" in answer.json()["detail"]) == (503, True)
