"""Steps in which a device stands somewhere."""

from bisect import bisect_right
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.clickhouse.replay.places import steps
from streams.core.place import place
from streams.core.records import DeviceMapping, Interval, Pause

MOMENTS = st.integers(1, 40)
PAUSES = st.builds(Pause, MOMENTS, st.none() | MOMENTS)
INTERVALS = st.builds(Interval, st.integers(1, 4), MOMENTS, st.none() | MOMENTS, st.lists(PAUSES, max_size=3))
MAPPINGS = st.builds(
    lambda intervals: DeviceMapping(
        device="json:a", physical_uid=1, intervals=sorted(intervals, key=lambda i: i.start)
    ),
    st.lists(INTERVALS, max_size=5),
)


@given(MAPPINGS, st.integers(0, 50))
def test_they_say_the_same_as_place_at_every_moment(mapping: DeviceMapping, time: int) -> None:
    found = steps(mapping)
    _, uid = found[bisect_right([start for start, _ in found], time) - 1]
    assert uid == (place(mapping, time) or 0)


@given(MAPPINGS)
def test_they_begin_at_the_beginning_and_each_changes_something(mapping: DeviceMapping) -> None:
    found = steps(mapping)
    assert found[0][0] == 0
    assert all(one < other for one, other in pairwise(found))
    assert all(one[1] != other[1] for one, other in pairwise(found))


def test_gaps_and_pauses_are_at_nobody() -> None:
    intervals = [Interval(7, 10, 30, [Pause(15, 20)]), Interval(8, 40)]
    mapping = DeviceMapping(device="json:a", physical_uid=1, intervals=intervals)

    assert steps(mapping) == [(0, 0), (10, 7), (15, 0), (20, 7), (30, 0), (40, 8)]
