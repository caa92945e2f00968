"""Laws of mappings, whatever is asked in whatever order, in the past or in the future."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streams.core.place import place
from streams.core.records import DeviceMapping, Interval, LogicalDevice, Pause, PhysicalDevice
from streams.registry import mappings
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, Author, Change, Refused, State

UIDS = st.integers(1, 3)
TIMES = st.integers(1, 30)
BY = Author("ann", 99)


def registry(boxes: int = 3, places: int = 3) -> State:
    state = State()
    for uid in range(1, boxes + 1):
        box = PhysicalDevice(uid=uid, device=f"json:{uid}", source="json", name=f"box {uid}")
        state.apply(Change(PHYSICAL, str(uid), box))
    for uid in range(1, places + 1):
        state.apply(Change(LOGICAL, str(uid), LogicalDevice(uid=uid, name=f"place {uid}")))
    return state


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def intervals(state: State, box: int) -> list[Interval]:
    return state.mapping_of(state.physical_device(box)).intervals


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = registry()

    @rule(box=UIDS, logical=UIDS, at=TIMES, force=st.booleans())
    def start(self, box: int, logical: int, at: int, force: bool) -> None:
        self.attempt(lambda: mappings.start(self.state, box, logical, at, BY, force=force))

    @rule(box=UIDS, at=TIMES, by_place=st.booleans())
    def end(self, box: int, at: int, by_place: bool) -> None:
        find = mappings.of_logical if by_place else mappings.of_physical
        self.attempt(lambda: mappings.end(find(self.state, box), at, BY))

    @rule(box=UIDS, at=TIMES)
    def pause(self, box: int, at: int) -> None:
        self.attempt(lambda: mappings.pause(mappings.of_physical(self.state, box), at, BY))

    @rule(box=UIDS, at=TIMES)
    def resume(self, box: int, at: int) -> None:
        self.attempt(lambda: mappings.resume(mappings.of_physical(self.state, box), at, BY))

    def attempt(self, command: Callable[[], list[Change]]) -> None:
        before = {(device, i.start): i for device, m in self.state.mappings.items() for i in m.intervals}
        changes: list[Change] = []
        with suppress(Refused):
            changes = command()
        for change in changes:
            assert change.topic == MAPPING
            self.state.apply(change)
            self.one_feeder_at_a_time()  # also between the records of one change, which agents read one after another
        after = {(device, i.start): i for device, m in self.state.mappings.items() for i in m.intervals}
        for key, interval in before.items():
            assert after[key].logical_uid == interval.logical_uid
            if interval.end is not None:
                assert after[key] == interval

    def each(self) -> Iterator[tuple[DeviceMapping, Interval]]:
        return ((m, i) for m in self.state.mappings.values() for i in m.intervals)

    @invariant()
    def one_feeder_at_a_time(self) -> None:
        for key in ("physical", "logical"):
            spans: dict[object, list[tuple[int, float]]] = {}
            for mapping, i in self.each():
                of = mapping.device if key == "physical" else i.logical_uid
                spans.setdefault(of, []).append((i.start, float("inf") if i.end is None else i.end))
            for taken in spans.values():
                taken.sort()
                assert all(a[1] <= b[0] for a, b in pairwise(taken))

    @invariant()
    def intervals_and_pauses_are_in_order(self) -> None:
        for _, i in self.each():
            assert i.end is None or i.end > i.start
            edges = [edge for p in i.pauses for edge in (p.start, p.end if p.end is not None else 10**9)]
            assert edges == sorted(edges)
            assert all(
                i.start <= p.start and (i.end is None or (p.end is not None and p.end <= i.end)) for p in i.pauses
            )

    @invariant()
    def only_the_last_is_open(self) -> None:
        for mapping in self.state.mappings.values():
            assert all(i.end is not None for i in mapping.intervals[:-1])


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase


def test_start_maps_from_the_given_time_on() -> None:
    state = registry()
    do(state, mappings.start(state, 1, 2, 10, BY))
    assert intervals(state, 1) == [Interval(2, 10)]
    mapping = state.mappings["json:1"]
    assert (place(mapping, 9), place(mapping, 10), place(mapping, 11)) == (None, 2, 2)
    assert (mapping.changed_by, mapping.changed_at) == ("ann", 99)


def test_start_of_a_mapped_box_is_refused_unless_forced() -> None:
    state = registry()
    do(state, mappings.start(state, 1, 2, 10, BY))
    with pytest.raises(Refused) as refused:
        mappings.start(state, 1, 3, 20, BY)
    assert refused.value.status == 400
    do(state, mappings.start(state, 1, 3, 20, BY, force=True))
    assert intervals(state, 1) == [Interval(2, 10, 20), Interval(3, 20)]


def test_start_on_a_fed_place_ends_the_old_mapping_at_exactly_the_new_start() -> None:
    state = registry()
    do(state, mappings.start(state, 1, 2, 10, BY))
    do(state, mappings.pause(mappings.of_physical(state, 1), 15, BY))
    do(state, mappings.start(state, 3, 2, 20, BY))
    assert intervals(state, 1) == [Interval(2, 10, 20, [Pause(15, 20)])]
    assert intervals(state, 3) == [Interval(2, 20)]


def test_start_before_the_open_start_of_a_fed_place_is_refused() -> None:
    state = registry()
    do(state, mappings.start(state, 1, 2, 10, BY))
    for at in (5, 10):
        with pytest.raises(Refused, match="starts at or after that time"):
            mappings.start(state, 3, 2, at, BY)


@pytest.mark.parametrize(("box", "logical"), [(9, 1), (1, 9)])
def test_start_with_an_unknown_device_is_not_found(box: int, logical: int) -> None:
    with pytest.raises(Refused) as refused:
        mappings.start(registry(), box, logical, 10, BY)
    assert refused.value.status == 404


def test_end_of_nothing_is_not_found() -> None:
    state = registry()
    for find in (mappings.of_physical, mappings.of_logical):
        with pytest.raises(Refused) as refused:
            mappings.end(find(state, 1), 10, BY)
        assert refused.value.status == 404


def test_pause_and_resume_touch_the_open_interval_only() -> None:
    state = registry()
    do(state, mappings.start(state, 1, 2, 10, BY))
    do(state, mappings.end(mappings.of_physical(state, 1), 20, BY))
    do(state, mappings.start(state, 1, 2, 30, BY))
    do(state, mappings.pause(mappings.of_logical(state, 2), 40, BY))
    assert mappings.pause(mappings.of_logical(state, 2), 41, BY) == []
    do(state, mappings.resume(mappings.of_logical(state, 2), 50, BY))
    assert mappings.resume(mappings.of_logical(state, 2), 51, BY) == []
    assert intervals(state, 1) == [Interval(2, 10, 20), Interval(2, 30, None, [Pause(40, 50)])]


def test_current_is_the_interval_that_holds_now_else_the_open_one() -> None:
    ending, future = Interval(1, 10, 20), Interval(2, 50)
    mapping = DeviceMapping(device="json:1", physical_uid=1, intervals=[ending, future])
    assert mappings.current(mappings.history(mapping), 15) == (mapping, ending)
    assert mappings.current(mappings.history(mapping), 30) == (mapping, future)
