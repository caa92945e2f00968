import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.records import DeviceEvent, DeviceMapping, Interval, Location, LogicalDevice, Pause, PhysicalDevice
from streams.registry.sightings import Sighting, labelled, noticed, sight, welcome
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, Author, Change, State

NOW = 1_000_000
BY = Author("isthmus", NOW)
SEEN = DeviceEvent(
    kind="seen", device="ttn:aa", source="ttn", at=500, correlation_id="c1", source_ids={"dev_eui": "aa"}
)


def gathered(*events: DeviceEvent) -> dict[str, Sighting]:
    found: dict[str, Sighting] = {}
    for event in events:
        found[event.device] = noticed(found.get(event.device), event)
    return found


def tell(state: State, *events: DeviceEvent) -> list[Change]:
    changes = sight(state, gathered(*events), BY)
    for change in changes:
        state.apply(change)
    return changes


def test_a_device_registers_itself_at_its_first_message() -> None:
    state = State()
    tell(state, replace(SEEN, name="Tank", latitude=-31.0, longitude=148.0))
    box = state.physical_device(1)
    assert (box.device, box.source, box.name, box.last_seen) == ("ttn:aa", "ttn", "Tank", 500)
    assert (box.location, box.source_ids, box.edited) == (Location(-31.0, 148.0), {"dev_eui": "aa"}, [])
    assert json.loads(box.properties) == {"creation_correlation_id": "c1"}
    assert state.mappings["ttn:aa"] == DeviceMapping(
        device="ttn:aa", physical_uid=1, intervals=[], changed_at=NOW, changed_by="isthmus"
    )
    assert list(state.sources) == ["ttn"]


def test_many_new_devices_get_uids_of_their_own() -> None:
    state = State()
    tell(state, *(replace(SEEN, device=f"ttn:{n}") for n in range(5)))
    assert sorted(state.physical) == [1, 2, 3, 4, 5]


def test_a_source_makes_no_more_devices_than_it_may_and_known_ones_go_on() -> None:
    state = State()
    tell(state, replace(SEEN, device="json:a", source="json"), SEEN)
    seen = gathered(
        *(replace(SEEN, device=f"json:{name}", source="json") for name in "bac"), replace(SEEN, device="ttn:bb")
    )

    assert list(welcome(state, seen, 2)) == ["json:b", "json:a", "ttn:bb"]
    assert list(welcome(state, seen, 1)) == ["json:a"]
    assert welcome(state, seen, 3) == seen


@given(st.lists(st.integers(0, 2 * NOW), min_size=1, max_size=6))
def test_last_seen_only_moves_forward_and_never_beyond_now(times: list[int]) -> None:
    state, last = State(), 0
    for at in times:
        tell(state, replace(SEEN, at=at))
        box = state.physical_device(1)
        assert box.last_seen is not None
        assert last <= box.last_seen <= NOW
        last = box.last_seen
    assert last == min(max(times), NOW)


def test_the_same_events_again_change_nothing() -> None:
    state = State()
    tell(state, SEEN)
    assert tell(state, SEEN) == []


def test_what_a_person_edited_is_kept_and_source_ids_are_merged() -> None:
    state = State()
    box = PhysicalDevice(
        uid=1, device="ttn:aa", source="ttn", name="Ann's", source_ids={"x": "1"}, edited=["name"], last_seen=900
    )
    state.apply(Change(PHYSICAL, "1", box))
    tell(state, replace(SEEN, name="theirs", latitude=1.0, longitude=2.0))
    box = state.physical_device(1)
    assert (box.name, box.location, box.last_seen) == ("Ann's", Location(1, 2), 900)
    assert box.source_ids == {"x": "1", "dev_eui": "aa"}


def test_a_device_that_names_its_ids_anew_in_each_message_stays_as_small_as_one_message() -> None:
    """Its record grew until Kafka refused it, and with it the transaction, and the writer, for ever."""
    state = State()
    names = [f"k{number:04}" for number in range(100)]
    for some in (names[:60], names[60:]):
        tell(state, *(replace(SEEN, source_ids={"dev_eui": "aa", name: "x" * 900}) for name in some))

    kept = state.physical_device(1).source_ids
    assert list(kept) == [f"k{number:04}" for number in range(89, 99)] + ["dev_eui", "k0099"]
    assert sum(len(name) + len(value) for name, value in kept.items()) == 11 * 905 + 9


def test_a_device_that_an_older_version_let_grow_is_small_again_once_it_is_seen() -> None:
    state = State()
    grown = {f"k{number}": "x" * 900 for number in range(18_000)}
    state.apply(Change(PHYSICAL, "1", PhysicalDevice(uid=1, device="ttn:aa", source="ttn", name="a", source_ids=grown)))
    tell(state, SEEN)

    kept = state.physical_device(1).source_ids
    assert list(kept) == [f"k{number}" for number in range(17_989, 18_000)] + ["dev_eui"]


def test_an_event_that_is_too_large_does_not_make_a_device_that_is() -> None:
    state = State()
    tell(state, replace(SEEN, source_ids={"dev_eui": "aa"} | {f"k{number}": "x" * 900 for number in range(18_000)}))

    kept = state.physical_device(1).source_ids
    assert list(kept) == ["dev_eui"] + [f"k{number}" for number in range(17_989, 18_000)]


def test_a_logical_device_is_seen_where_its_box_was_mapped_at_that_time() -> None:
    state = State()
    tell(state, replace(SEEN, at=1))
    state.apply(Change(LOGICAL, "7", LogicalDevice(uid=7, name="place")))
    intervals = [Interval(7, 100, 600, [Pause(300, 400)])]
    state.apply(Change(MAPPING, "ttn:aa", DeviceMapping(device="ttn:aa", physical_uid=1, intervals=intervals)))
    for at, expected in ((50, None), (350, None), (500, 500), (450, 500), (700, 500)):
        tell(state, replace(SEEN, at=at))
        assert state.logical_device(7).last_seen == expected


def test_what_ubidots_says_is_kept_with_the_logical_device_once() -> None:
    state = State()
    state.apply(Change(LOGICAL, "7", LogicalDevice(uid=7, name="Paddock", properties='{"crop":"oats"}')))

    changes = labelled(state, {7: {"label": "isthmus-7", "id": "abc"}, 8: {"label": "nobody"}}, BY)
    for change in changes:
        state.apply(change)

    kept = {"crop": "oats", "ubidots": {"label": "isthmus-7", "id": "abc"}}
    assert json.loads(state.logical[7].properties) == kept
    assert [change.key for change in changes] == ["7"]
    assert labelled(state, {7: {"label": "isthmus-7", "id": "abc"}}, BY) == []
