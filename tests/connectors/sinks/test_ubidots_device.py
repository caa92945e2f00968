from connectors.sinks.ubidots.device import agrees, details, label, stored
from streams.core.records import Location, LogicalDevice, PhysicalDevice

PROBE = LogicalDevice(uid=7, name="North paddock", location=Location(-33.5, 149.25))


def test_keeps_the_label_that_the_registry_knows() -> None:
    known = LogicalDevice(uid=7, name="x", properties='{"ubidots": {"label": "a81758fffe05e6fb", "name": "x"}}')
    assert label(7, known) == "a81758fffe05e6fb"


def test_makes_the_same_label_for_the_same_device_every_time() -> None:
    assert label(7, None) == label(7, PROBE) == "isthmus-7"
    assert label(7, LogicalDevice(uid=7, name="x", properties="no JSON")) == "isthmus-7"


def test_tells_name_and_location() -> None:
    assert details(PROBE, None) == {
        "name": "North paddock",
        "properties": {"_location_type": "manual", "_location_fixed": {"lat": -33.5, "lng": 149.25}},
    }


def test_takes_the_location_of_the_box_when_the_logical_device_has_none() -> None:
    box = PhysicalDevice(uid=3, device="ttn:a", source="ttn", name="box", location=Location(1.5, 2.5))
    found = details(LogicalDevice(uid=7, name="x"), box)
    assert found["properties"]["_location_fixed"] == {"lat": 1.5, "lng": 2.5}
    assert details(LogicalDevice(uid=7, name="x"), None) == {"name": "x", "properties": {}}


def test_tells_description_and_uid_of_ttn_devices() -> None:
    properties = '{"ttn": {"description": "by the gate", "attributes": {"uid": "DPI-12"}}}'
    box = PhysicalDevice(uid=3, device="ttn:a", source="ttn", name="box", properties=properties)
    assert details(LogicalDevice(uid=7, name="x"), box) == {
        "name": "x",
        "properties": {
            "_config": {
                "dpi-uid": {
                    "text": "DPI UID",
                    "type": "text",
                    "description": "The unique identifier from the DPI UID tag",
                }
            },
            "dpi-uid": "DPI-12",
        },
        "description": "by the gate",
    }


def test_sees_whether_ubidots_shows_what_is_wanted() -> None:
    wanted = details(PROBE, None)
    answer = {"label": "a", "name": "North paddock", "properties": wanted["properties"] | {"color": "red"}}
    assert agrees(answer, wanted)
    assert not agrees(answer | {"name": "South"}, wanted)
    assert not agrees(stored(PROBE), wanted)
