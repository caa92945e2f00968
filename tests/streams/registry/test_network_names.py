"""What the network server says of a device stays unless a person said something else."""

import json
from typing import Any

import pytest

from streams.core.records import DeviceEvent, Location, PhysicalDevice
from streams.registry.network_names import described, unasked
from streams.registry.sightings import noticed, sight
from streams.registry.state import PHYSICAL, Author, Change, State

BY = Author("isthmus", 1_000)
IDS = {"app_id": "tanks", "dev_id": "tank-07", "dev_eui": "70b3"}
BOX = PhysicalDevice(uid=3, device="ttn:70b3", source="ttn", name="tank-07", source_ids=IDS)
ANSWER = {
    "ids": {"device_id": "tank-07"},
    "name": "House tank",
    "description": "behind the shed",
    "locations": {"user": {"latitude": -31.5, "longitude": 148.25, "source": "SOURCE_REGISTRY"}},
    "attributes": {"depth": "2.4"},
}
UPLINK = DeviceEvent(kind="seen", device="ttn:70b3", source="ttn", at=500, source_ids=IDS, name="tank-07")


def told(answer: dict[str, Any], device: PhysicalDevice = BOX) -> tuple[State, PhysicalDevice]:
    state = State()
    state.apply(Change(PHYSICAL, "3", device))
    for change in described(state, "ttn:70b3", answer, BY):
        state.apply(change)
    return state, state.physical_device(3)


def test_name_and_place_are_taken_and_the_answer_is_kept() -> None:
    _, box = told(ANSWER)
    assert (box.name, box.location, box.edited) == ("House tank", Location(-31.5, 148.25), [])
    assert json.loads(box.properties) == {"ttn": ANSWER}


def test_what_a_person_set_stays() -> None:
    mine = PhysicalDevice(
        **{name: getattr(BOX, name) for name in ("uid", "device", "source", "source_ids")},
        name="Ann's tank",
        location=Location(-30.0, 149.0),
        edited=["location", "name"],
    )
    _, box = told(ANSWER, mine)
    assert (box.name, box.location) == ("Ann's tank", Location(-30.0, 149.0))
    assert json.loads(box.properties) == {"ttn": ANSWER}


def test_the_next_uplink_does_not_take_the_name_back() -> None:
    state, _ = told(ANSWER)
    for change in sight(state, {"ttn:70b3": noticed(None, UPLINK)}, BY):
        state.apply(change)
    assert state.physical_device(3).name == "House tank"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"name": ""},
        {"name": 7, "locations": []},
        {"locations": {"user": {}}},
        {"locations": {"user": {"latitude": 91}}},
    ],
)
def test_an_answer_without_name_and_place_changes_neither(answer: dict[str, Any]) -> None:
    _, box = told(answer)
    assert (box.name, box.location) == ("tank-07", None)


def test_a_latitude_of_zero_is_left_out_by_the_server() -> None:
    _, box = told({"locations": {"user": {"longitude": 101.5}}})
    assert box.location == Location(0.0, 101.5)


def test_a_device_is_asked_for_once_and_only_where_it_can_be() -> None:
    _, box = told(ANSWER)
    nameless = PhysicalDevice(uid=4, device="ttn:1", source="ttn", name="1", source_ids={"dev_eui": "1"})
    other = PhysicalDevice(uid=5, device="json:1", source="json", name="1", source_ids=IDS)
    assert [unasked(device) for device in (BOX, box, nameless, other)] == [True, False, False, False]


@pytest.mark.parametrize("name", ["app_id", "dev_id"])
@pytest.mark.parametrize(
    "said", ["..", ".", "a/b", "a?b", "\U0001f41d" * 9_000], ids=["up", "here", "deeper", "query", "long"]
)
def test_an_id_that_is_none_of_the_network_server_becomes_no_path(name: str, said: str) -> None:
    box = PhysicalDevice(uid=6, device="ttn:2", source="ttn", name="2", source_ids=IDS | {name: said})
    assert not unasked(box)


def test_a_device_that_is_gone_is_left_alone() -> None:
    assert described(State(), "ttn:70b3", ANSWER, BY) == []
