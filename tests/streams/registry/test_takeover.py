"""A logger that speaks for itself takes the place of the one that was polled for."""

import json
from typing import Any

from streams.core.records import DeviceEvent, Location, PhysicalDevice
from streams.registry.sightings import noticed, sight
from streams.registry.state import PHYSICAL, Author, Change, State

BY = Author("isthmus", 1_000)
OLD = PhysicalDevice(
    uid=7, device="ict_eagleio:mncm2l301", source="ict_eagleio", name="mncm2l301", location=Location(-32.2, 152.5)
)


def seen(source: str, name: str, **fields: Any) -> DeviceEvent:
    device = f"{source}:{name}"
    return DeviceEvent(kind="seen", device=device, source=source, at=500, correlation_id="c1", name=name, **fields)


def tell(state: State, event: DeviceEvent) -> PhysicalDevice:
    for change in sight(state, {event.device: noticed(None, event)}, BY):
        state.apply(change)
    device = state.by_key(event.device)
    assert device is not None
    return device


def registry(*devices: PhysicalDevice) -> State:
    state = State()
    for device in devices:
        state.apply(Change(PHYSICAL, str(device.uid), device))
    return state


def test_it_says_which_device_it_replaces_and_stands_where_that_stood() -> None:
    new = tell(registry(OLD), seen("ict_mqtt", "mncm2l301"))
    assert json.loads(new.properties) == {"creation_correlation_id": "c1", "replaces_ict_eagleio_uid": 7}
    assert new.location == Location(-32.2, 152.5)


def test_a_place_of_its_own_counts() -> None:
    new = tell(registry(OLD), seen("ict_mqtt", "mncm2l301", latitude=-33.0, longitude=151.0))
    assert new.location == Location(-33.0, 151.0)


def test_another_name_replaces_nothing() -> None:
    new = tell(registry(OLD), seen("ict_mqtt", "mncm2l30"))
    assert json.loads(new.properties) == {"creation_correlation_id": "c1"}
    assert new.location is None


def test_another_source_replaces_nothing() -> None:
    new = tell(registry(OLD), seen("ttn", "mncm2l301"))
    assert json.loads(new.properties) == {"creation_correlation_id": "c1"}


def test_a_device_that_was_there_before_is_left_as_it_is() -> None:
    before = PhysicalDevice(uid=8, device="ict_mqtt:mncm2l301", source="ict_mqtt", name="mncm2l301")
    known = tell(registry(OLD, before), seen("ict_mqtt", "mncm2l301"))
    assert (known.uid, known.location, json.loads(known.properties)) == (8, None, {})
