"""Devices are removed when nothing depends on them, or with all that does; never half."""

from collections.abc import Callable

import pytest

from streams.core.records import Interval
from streams.registry import devices, mappings, notes, removal
from streams.registry.state import Author, Refused, State
from tests.streams.registry.folded import BY, box, do, given, place, registry, spoken

LATER = Author("ann", 5000)


def mapped() -> State:
    """Box 1 feeds place 1 since 10."""
    state = registry()
    do(state, mappings.start(state, box(state), place(state), 10, BY))
    return state


def test_a_removed_device_is_gone_but_its_uid_is_never_given_again() -> None:
    state = registry()
    do(state, removal.remove_logical(state, place(state), BY))
    assert state.logical == {}
    assert place(state) == 2


def test_a_removed_physical_device_can_come_again_with_another_uid() -> None:
    state = registry()
    for expected in (1, 2):
        assert box(state, "aa") == expected
        assert list(state.physical) == [expected]
        do(state, removal.remove_physical(state, expected, BY))
    assert state.by_key("ttn:aa") is None
    assert state.mappings == {}


def test_a_last_seen_that_a_person_wrote_is_no_data() -> None:
    state = registry()
    do(state, devices.create_physical(state, "ttn", given(name="b", last_seen=5), BY))
    do(state, removal.remove_physical(state, 1, BY))
    assert state.physical == {}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda state: spoken(state, "ttn:a", "1@5"), "sent data"),
        (lambda state: do(state, notes.add(state, box(state), "n", BY)), "notes"),
        (lambda state: do(state, mappings.start(state, box(state), place(state), 10, BY)), "a mapping history"),
    ],
)
def test_a_device_that_something_depends_on_is_only_removed_when_asked_for(
    make: Callable[[State], object], why: str
) -> None:
    state = registry()
    make(state)
    with pytest.raises(Refused, match=f"Physical device 1 has {why}; cascade=true removes it anyway") as refused:
        removal.remove_physical(state, 1, LATER)
    assert refused.value.status == 409
    do(state, removal.remove_physical(state, 1, LATER, cascade=True))
    assert (state.physical, state.notes, state.notes_of(1)) == ({}, {}, [])


def test_cascade_ends_the_mapping_and_keeps_its_history() -> None:
    state = mapped()
    do(state, removal.remove_physical(state, 1, LATER, cascade=True))
    assert state.mappings["ttn:uid-1"].intervals == [Interval(1, 10, 5000)]


def test_cascade_ends_what_feeds_a_place() -> None:
    state = mapped()
    with pytest.raises(Refused, match="mapping history; cascade=true") as refused:
        removal.remove_logical(state, 1, LATER)
    assert refused.value.status == 409
    do(state, removal.remove_logical(state, 1, LATER, cascade=True))
    assert state.logical == {}
    assert state.mappings["ttn:uid-1"].intervals == [Interval(1, 10, 5000)]
    assert mappings.open_interval(state.mappings["ttn:uid-1"]) is None


def test_cascade_drops_a_mapping_that_has_not_begun() -> None:
    state = registry()
    do(state, mappings.start(state, box(state), place(state), 9000, BY))
    do(state, removal.remove_logical(state, 1, LATER, cascade=True))
    assert state.mappings["ttn:uid-1"].intervals == []


def test_unknown_devices_are_not_found() -> None:
    for command in (removal.remove_logical, removal.remove_physical):
        with pytest.raises(Refused) as refused:
            command(registry(), 5, BY)
        assert refused.value.status == 404
