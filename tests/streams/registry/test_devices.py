import json

import pytest

from streams.core.records import Location, LogicalDevice, PhysicalDevice, Source
from streams.registry import devices, mappings
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


def test_a_removed_device_is_gone_but_its_uid_is_never_given_again() -> None:
    state = registry()
    do(state, devices.create_logical(state, given(name="a"), BY))
    do(state, devices.remove_logical(state, 1, BY))
    assert state.logical == {}
    do(state, devices.create_logical(state, given(name="b"), BY))
    assert list(state.logical) == [2]


def test_a_removed_physical_device_can_come_again_with_another_uid() -> None:
    state = registry()
    for expected in (1, 2):
        do(state, devices.create_physical(state, "ttn", given(name="a", source_ids={"dev_eui": "aa"}), BY))
        assert list(state.physical) == [expected]
        do(state, devices.remove_physical(state, expected, BY))
    assert state.by_key("ttn:aa") is None
    assert state.mappings == {}


def test_a_device_with_history_or_data_is_not_removed() -> None:
    state = registry()
    do(state, devices.create_physical(state, "ttn", given(name="a"), BY))
    do(state, devices.create_physical(state, "ttn", given(name="b", last_seen=5), BY))
    do(state, devices.create_logical(state, given(name="c"), BY))
    do(state, mappings.start(state, 1, 1, 10, BY))
    do(state, mappings.end(mappings.of_physical(state, 1), 20, BY))
    for remove, uid in ((devices.remove_physical, 1), (devices.remove_physical, 2), (devices.remove_logical, 1)):
        with pytest.raises(Refused) as refused:
            remove(state, uid, BY)
        assert refused.value.status == 409


def test_unknown_devices_are_not_found() -> None:
    for command in (devices.remove_logical, devices.remove_physical):
        with pytest.raises(Refused) as refused:
            command(registry(), 5, BY)
        assert refused.value.status == 404


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
