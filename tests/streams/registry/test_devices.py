import json

import pytest

from streams.core.records import Location, LogicalDevice, PhysicalDevice, Source
from streams.registry import devices
from streams.registry.devices import Given
from streams.registry.state import LOGICAL, PHYSICAL, SOURCES, Author, Change, Refused, State

BY = Author("ann", 1000, "new probe")


def registry() -> State:
    state = State()
    state.apply(Change(SOURCES, "ttn", Source(name="ttn")))
    return state


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def given(**fields: object) -> Given:
    return Given(fields=frozenset(fields), **fields)  # type: ignore[arg-type]  # a test's shorthand


def test_a_device_can_be_registered_before_its_first_message() -> None:
    state = registry()
    do(state, devices.create_physical(state, "ttn", given(name="Probe", source_ids={"dev_eui": "AA01"}), BY))
    box = state.physical_device(1)
    assert (box.device, box.name, box.edited, box.changed_by, box.why) == (
        "ttn:aa01",
        "Probe",
        ["name"],
        "ann",
        "new probe",
    )
    assert state.by_key("ttn:aa01") is box
    assert state.mappings["ttn:aa01"].physical_uid == 1
    assert state.mappings["ttn:aa01"].intervals == []


def test_a_second_device_with_the_same_identity_is_refused() -> None:
    state = registry()
    do(state, devices.create_physical(state, "ttn", given(name="a", source_ids={"dev_eui": "AA01"}), BY))
    with pytest.raises(Refused) as refused:
        devices.create_physical(state, "ttn", given(name="b", source_ids={"dev_eui": "aa01"}), BY)
    assert refused.value.status == 409


def test_devices_without_identity_can_be_many() -> None:
    state = registry()
    for _ in range(2):
        do(state, devices.create_physical(state, "ttn", given(name="a"), BY))
    assert [box.device for box in state.physical.values()] == ["ttn:uid-1", "ttn:uid-2"]


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(Refused, match="no source nosuch"):
        devices.create_physical(registry(), "nosuch", given(name="a"), BY)


def test_an_edit_is_a_merge() -> None:
    state = registry()
    first = given(name="a", location=Location(1, 2), properties={"x": {"y": 1, "z": 2}, "w": 3})
    do(state, devices.create_logical(state, first, BY))
    do(state, devices.edit_logical(state, 1, given(properties={"x": {"y": None, "v": 4}}), BY))
    place = state.logical_device(1)
    assert json.loads(place.properties) == {"x": {"z": 2, "v": 4}, "w": 3}
    assert (place.name, place.location) == ("a", Location(1, 2))
    do(state, devices.edit_logical(state, 1, given(location=None), BY))
    assert state.logical_device(1).location is None


def test_an_edit_marks_name_and_location_as_edited_only_when_they_change() -> None:
    state = registry()
    do(state, [Change(PHYSICAL, "1", PhysicalDevice(uid=1, device="ttn:a", source="ttn", name="a"))])
    do(state, devices.edit_physical(state, 1, given(name="a", source_ids={"k": "v"}), BY))
    assert state.physical_device(1).edited == []
    do(state, devices.edit_physical(state, 1, given(name="b", source_ids={"k": None}), BY))
    assert (state.physical_device(1).edited, state.physical_device(1).source_ids) == (["name"], {})


def test_sources_are_declared_once() -> None:
    state = registry()
    changes = devices.declare_sources(state, {"ttn": "", "ydoc": "", "json": ""}, BY)
    assert [change.key for change in changes] == ["json", "ydoc"]
    do(state, changes)
    assert devices.declare_sources(state, {"ttn": "", "ydoc": "", "json": ""}, BY) == []


def test_folding_the_same_record_twice_changes_nothing() -> None:
    state = registry()
    place = Change(LOGICAL, "7", LogicalDevice(uid=7, name="a"))
    do(state, [place, place])
    assert list(state.logical) == [7]
    assert state.next_uid(LOGICAL) == 8
