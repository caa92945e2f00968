"""Runs of lineages are a set, whatever is added in whatever order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.replay.runs import Run, Runs

runs = st.builds(
    lambda partition, first, length: (partition, first, first + length),
    st.integers(0, 2),
    st.integers(0, 40),
    st.integers(0, 6),
)


def lineages(some: list[Run]) -> set[tuple[int, int]]:
    return {(partition, offset) for partition, first, last in some for offset in range(first, last + 1)}


@given(st.lists(runs))
def test_hold_what_was_added_and_nothing_else(some: list[Run]) -> None:
    held = Runs(some)

    assert lineages(list(held)) == lineages(some)
    assert {(p, o) for p in range(4) for o in range(-1, 50) if (p, o) in held} == lineages(some)
    assert held.records == len(lineages(some))
    assert bool(held) == bool(some)


@given(st.lists(runs))
def test_are_told_in_order_and_as_few_as_can_be(some: list[Run]) -> None:
    held = list(Runs(some))

    assert len(Runs(some)) == len(held)
    for (one, _, last), (other, first, _) in pairwise(held):
        assert one < other or (one == other and last + 1 < first)


@given(st.lists(runs), st.randoms(use_true_random=False))
def test_do_not_depend_on_the_order_of_adding(some: list[Run], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    assert list(Runs(shuffled)) == list(Runs(some))


def test_take_three_numbers_for_a_million_records_in_order() -> None:
    held = Runs()
    for offset in range(1_000):
        held.add(3, offset)

    assert list(held) == [(3, 0, 999)]
