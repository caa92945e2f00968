"""Slices of a batch: all of it in order, each of about a second, whatever a record takes."""

from hypothesis import given
from hypothesis import strategies as st

from streams.agents.pace import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sizes(pace: Pace, clock: Clock, seconds: list[float]) -> list[int]:
    """Of the slices of a batch whose records take so long."""
    found = []
    for part in pace.slices(seconds):
        clock.now += sum(part)
        found.append(len(part))
    return found


def test_quick_records_come_in_ever_larger_slices_until_a_batch_is_one() -> None:
    clock = Clock()
    pace = Pace(clock)

    assert sizes(pace, clock, [0.0001] * 2000) == [100, 200, 400, 800, 500]
    assert sizes(pace, clock, [0.0001] * 2000) == [2000]


def test_slow_records_come_in_slices_of_a_second_and_very_slow_ones_alone() -> None:
    clock = Clock()
    pace = Pace(clock)

    assert sizes(pace, clock, [0.1] * 130) == [100, 10, 10, 10]
    assert sizes(pace, clock, [10.0] * 12) == [10, 1, 1]
    assert sizes(pace, clock, [0.0] * 16) == [1, 2, 4, 8, 1]


@given(st.lists(st.lists(st.floats(0, 1000), max_size=40), max_size=5))
def test_no_record_is_left_out_or_comes_twice(batches: list[list[float]]) -> None:
    clock = Clock()
    pace = Pace(clock)
    for batch in batches:
        found: list[float] = []
        for part in pace.slices(batch):
            clock.now += sum(part)
            found += part
        assert found == batch
