"""Which offset may be committed: laws of the done prefix."""

import asyncio
from itertools import pairwise

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from streams.agents.batch import Batch, InFlight, Positions, portions

ONE = TP("raw", 0)


class Record(Struct):
    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None


def batch(first: int, size: int, tp: TP = ONE) -> Batch:
    return Batch(tp, [Record(offset) for offset in range(first, first + size)])


def batches(sizes: list[int]) -> list[Batch]:
    return [batch(sum(sizes[:i]), size) for i, size in enumerate(sizes)]


def cut(sizes: list[int], most: int, most_bytes: int) -> list[list[int]]:
    """The sizes of the records in each portion."""
    records = [Record(offset, value=bytes(size)) for offset, size in enumerate(sizes)]
    return [[len(record.value or b"") for record in part] for part in portions(records, most, most_bytes)]


def test_portions_are_cut_by_number_and_by_bytes_and_what_is_larger_goes_alone() -> None:
    assert cut([1, 1, 1, 1, 1], 2, 100) == [[1, 1], [1, 1], [1]]
    assert cut([40, 60, 1, 99, 2], 10, 100) == [[40, 60], [1, 99], [2]]
    assert cut([5, 300, 0, 7], 10, 100) == [[5], [300], [0, 7]]
    assert cut([300, 300], 10, 100) == [[300], [300]]
    assert cut([], 10, 100) == []


def test_a_record_without_a_value_counts_as_a_record() -> None:
    assert [len(part) for part in portions([Record(0), Record(1), Record(2)], 2, 0)] == [2, 1]


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 6), st.integers(0, 100))
def test_portions_are_all_records_in_order_and_as_few_as_can_be(sizes: list[int], most: int, most_bytes: int) -> None:
    parts = cut(sizes, most, most_bytes)

    assert [size for part in parts for size in part] == sizes
    assert all(len(part) == 1 or (len(part) <= most and sum(part) <= most_bytes) for part in parts)
    for part, after in pairwise(parts):
        assert len(part) == most or sum(part) + after[0] > most_bytes


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_it_never_commits_past_a_record_that_is_not_handled(sizes: list[int], data: st.DataObject) -> None:
    flying, made = InFlight(), batches(sizes)
    for each in made:
        flying.add(each)
    committed = 0
    for i in data.draw(st.permutations(range(len(made)))):
        made[i].done()
        committed = flying.take_done(ONE) or committed
        assert committed == min((b.first for b in made if not b.is_done), default=sum(sizes))


def test_it_commits_nothing_while_the_first_batch_is_not_done() -> None:
    flying, (first, second) = InFlight(), batches([3, 2])
    flying.add(first)
    flying.add(second)
    second.done()
    assert flying.take_done(ONE) is None
    first.done()
    assert flying.take_done(ONE) == 5
    assert flying.take_done(ONE) is None


def test_a_batch_that_is_never_done_is_seen_though_later_ones_are() -> None:
    flying, (first, second) = InFlight(), batches([3, 2])
    assert not flying.work(ONE).left
    flying.add(first)
    flying.add(second)
    lost = flying.work(ONE)
    second.done()
    flying.take_done(ONE)
    assert (flying.work(ONE), lost.left) == (lost, True)
    first.done()
    flying.take_done(ONE)
    assert not flying.work(ONE).left


def test_it_keeps_partitions_apart() -> None:
    flying, here, there = InFlight(), batch(0, 3), batch(7, 2, TP("raw", 1))
    flying.add(here)
    flying.add(there)
    there.done()
    assert (flying.take_done(TP("raw", 1)), flying.take_done(ONE)) == (9, None)
    assert flying.partitions() == [ONE]


def test_it_ignores_a_batch_that_is_done_after_its_partition_was_taken_away() -> None:
    flying, late = InFlight(), batch(0, 3)
    flying.add(late)
    flying.forget([ONE])
    late.done()
    assert flying.take_done(ONE) is None


def test_it_lets_the_records_of_a_done_batch_go() -> None:
    held = batch(0, 3)
    held.done()
    assert (len(held), held.first, held.last) == (0, 0, 2)


def test_it_wakes_who_waits_when_a_batch_is_abandoned() -> None:
    async def wait() -> bool:
        flying, held = InFlight(), batch(0, 3)
        flying.add(held)
        waiting = asyncio.create_task(held.pause(60))
        await asyncio.sleep(0)
        flying.abandon()
        await asyncio.wait_for(waiting, 30)
        return held.abandoned

    assert asyncio.run(wait())


@pytest.mark.parametrize("gone", ["forget", "clear"])
def test_it_abandons_what_it_forgets(gone: str) -> None:
    flying, held = InFlight(), batch(0, 3)
    flying.add(held)
    flying.clear() if gone == "clear" else flying.forget([ONE])
    assert held.abandoned


def records(first: int, last: int) -> list[Record]:
    return [Record(offset) for offset in range(first, last + 1)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=12))
def test_it_hands_out_every_offset_once_and_in_order_whatever_is_fetched(fetches: list[tuple[int, int]]) -> None:
    positions, offsets = Positions(), list[int]()
    positions.begin({ONE: 0})
    for first, more in fetches:
        fetched = records(first, first + more)
        if positions.skipped_from(ONE, fetched) is None and (new := positions.new(ONE, fetched)):
            positions.advance(Batch(ONE, new))
            offsets += [record.offset for record in new]
    assert offsets == list(range(len(offsets)))


def test_it_names_the_first_offset_that_was_left_out() -> None:
    positions = Positions()
    positions.begin({ONE: 5})
    assert positions.skipped_from(ONE, records(8, 9)) == 5
    assert positions.skipped_from(ONE, records(5, 9)) is None
    assert [r.offset for r in positions.new(ONE, records(3, 6))] == [5, 6]
