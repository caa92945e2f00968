"""Slices of a batch: all of it in order, each of about a second, whatever a record takes."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.agents.pace import Pace
from tests.streams.agents.test_batch import Record


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def batch(seconds: Sequence[float], size: int = 0) -> list[Record]:
    """Records of so many bytes that take so long, in hundredths of a second as their timestamp."""
    return [Record(offset, round(100 * each), value=bytes(size)) for offset, each in enumerate(seconds)]


def offsets(pace: Pace, clock: Clock, records: list[Record]) -> list[list[int]]:
    """Of the slices of a batch."""
    found = []
    for part in pace.slices(records):
        clock.now += sum(record.timestamp for record in part) / 100
        found.append([record.offset for record in part])
    return found


def sizes(pace: Pace, clock: Clock, records: list[Record]) -> list[int]:
    return [len(part) for part in offsets(pace, clock, records)]


def test_quick_records_come_in_ever_larger_slices_until_a_batch_is_one() -> None:
    clock = Clock()
    pace = Pace(clock)

    assert sizes(pace, clock, batch([0.0] * 2000)) == [100, 200, 400, 800, 500]
    assert sizes(pace, clock, batch([0.0] * 2000)) == [2000]


def test_slow_records_come_in_slices_of_a_second_and_very_slow_ones_alone() -> None:
    clock = Clock()
    pace = Pace(clock)

    assert sizes(pace, clock, batch([0.1] * 130)) == [100, 10, 10, 10]
    assert sizes(pace, clock, batch([10.0] * 12)) == [10, 1, 1]
    assert sizes(pace, clock, batch([0.0] * 16)) == [1, 2, 4, 8, 1]


def test_large_records_come_in_slices_of_a_megabyte_though_those_before_were_quick() -> None:
    pace = Pace(Clock())

    assert sizes(pace, Clock(), batch([0.0] * 5, 355_000)) == [2, 2, 1]
    assert sizes(pace, Clock(), batch([0.0] * 2, 16_000_000)) == [1, 1]


@given(st.lists(st.tuples(st.lists(st.floats(0, 1000), max_size=40), st.integers(0, 400_000)), max_size=5))
def test_no_record_is_left_out_or_comes_twice(batches: list[tuple[list[float], int]]) -> None:
    clock = Clock()
    pace = Pace(clock)
    for seconds, size in batches:
        found = offsets(pace, clock, batch(seconds, size))
        assert [offset for part in found for offset in part] == [*range(len(seconds))]
