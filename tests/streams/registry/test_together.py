"""Several commands as one change: all or nothing, each decided on what those before it did."""

import copy
from functools import partial
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from streams.registry import copies, devices, mappings
from streams.registry.state import Author, Refused, State
from streams.registry.together import together
from tests.streams.registry.folded import BY, box, do, given, place, registry

NUMBERS = st.integers(1, 4)
COMMANDS = st.lists(
    st.one_of(
        st.builds(
            lambda pd, ld, at: partial(mappings.start, physical_uid=pd, logical_uid=ld, at=at, author=BY, force=True),
            NUMBERS, NUMBERS, st.integers(0, 9),
        ),
        st.builds(lambda: partial(devices.create_logical, given=given(name="x"), author=BY)),
        st.builds(lambda uid: partial(devices.edit_physical, uid=uid, given=given(name="y"), author=BY), NUMBERS),
    ),
    max_size=8,
)  # fmt: skip


def small() -> State:
    state = registry()
    for _ in range(3):
        box(state)
        place(state)
    return state


def held(state: State) -> dict[str, Any]:
    return copy.deepcopy(vars(state))


@for_all(COMMANDS)
def test_deciding_changes_nothing_and_decides_as_one_after_another(commands: list[Any]) -> None:
    state, stepwise = small(), small()
    before, refusal = held(state), None
    for place_in_list, command in enumerate(commands):
        try:
            do(stepwise, command(stepwise))
        except Refused as refused:
            refusal = f"item {place_in_list}: {refused.detail}"
            break
    if refusal is not None:
        with pytest.raises(Refused) as raised:
            together(commands)(state)
        assert raised.value.detail == refusal
        assert held(state)["mappings"] == before["mappings"]
        return
    changes = together(commands)(state)
    after = held(state)
    for empty in ("_devices_by_logical", "_notes_by_device"):
        assert {k: v for k, v in after.pop(empty).items() if v} == {k: v for k, v in before.pop(empty).items() if v}
    assert after == before
    do(state, changes)
    assert (state.physical, state.logical, state.mappings) == (stepwise.physical, stepwise.logical, stepwise.mappings)


def test_a_place_is_made_after_a_box_and_mapped_to_it_at_once() -> None:
    state = registry()
    box(state)
    do(state, copies.copy(state, 1, BY))
    assert (state.logical[1].name, state.mappings["ttn:uid-1"].intervals) == ("box 1", [])
    do(state, copies.copy(state, 1, BY, map_from=7))
    assert [(i.logical_uid, i.start) for i in state.mappings["ttn:uid-1"].intervals] == [(2, 7)]
    with pytest.raises(Refused, match="mapped to logical device 2") as refused:
        copies.copy(state, 1, Author("ann", 20), map_from=9)
    assert (refused.value.status, sorted(state.logical)) == (400, [1, 2])
