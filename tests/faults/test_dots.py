"""What Ubidots has is compared both ways."""

import pytest

from tests.faults.dots import Account, Expected, Found, differences, fill
from tests.faults.result import Result

LEVEL, FLOW, OTHER = ("isthmus-7", "level", 1000), ("isthmus-7", "flow", 1000), ("isthmus-8", "level", 1000)
NOTHING = Account("a", 0, {})


def found(expected: Expected, now: dict[tuple[str, str, int], float], then: Account = NOTHING) -> tuple[int, int, int]:
    seen = differences(expected, then, Account("a", len(now), now))
    return len(seen.missing), len(seen.extra), len(seen.wrong)


def expected_of(*versions: list[tuple[tuple[str, str, int], float]]) -> Expected:
    expected = Expected()
    expected.add(0, versions)
    return expected


def test_every_dot_is_there_with_its_value_and_nothing_else() -> None:
    expected = expected_of([(LEVEL, 1.5), (FLOW, 2.0)])

    assert found(expected, {LEVEL: 1.5, FLOW: 2.0}) == (0, 0, 0)
    assert found(expected, {LEVEL: 1.5}) == (1, 0, 0)
    assert found(expected, {LEVEL: 1.5, FLOW: 2.5}) == (0, 0, 1)
    assert found(expected, {LEVEL: 1.5, FLOW: 2.0, OTHER: 1.5}) == (0, 1, 0)


def test_of_two_values_for_one_ms_the_later_one_stays() -> None:
    expected = expected_of([(LEVEL, 1.5)])
    expected.add(0, [[(LEVEL, 1.75)]])

    assert found(expected, {LEVEL: 1.75}) == (0, 0, 0)
    assert found(expected, {LEVEL: 1.5}) == (0, 0, 1)


def test_between_partitions_there_is_no_later_one() -> None:
    expected = expected_of([(LEVEL, 1.5)])
    expected.add(1, [[(LEVEL, 1.75)]])

    assert [found(expected, {LEVEL: value}) for value in (1.5, 1.75, 2)] == [(0, 0, 0), (0, 0, 0), (0, 0, 1)]


def test_where_a_mapping_changed_either_place_will_do_and_none_if_it_may_have_ended() -> None:
    moved, ended = expected_of([(LEVEL, 1.5)], [(OTHER, 1.5)]), expected_of([(LEVEL, 1.5)], [])

    assert [found(moved, {key: 1.5}) for key in (LEVEL, OTHER, FLOW)] == [(0, 0, 0), (0, 0, 0), (0, 1, 0)]
    assert [found(ended, now) for now in ({}, {LEVEL: 1.5}, {LEVEL: 2.0})] == [(0, 0, 0), (0, 0, 0), (0, 0, 1)]


def test_what_was_there_before_may_stay_and_not_change() -> None:
    then = Account("a", 1, {OTHER: 1.0})

    assert found(expected_of([(LEVEL, 1.5)]), {LEVEL: 1.5, OTHER: 1.0}, then) == (0, 0, 0)
    assert found(expected_of([(LEVEL, 1.5)]), {LEVEL: 1.5, OTHER: 2.0}, then) == (0, 1, 0)
    assert found(expected_of([(OTHER, 1.5)]), {OTHER: 1.0}, then) == (0, 0, 1)


@pytest.mark.parametrize(("posted", "once", "faults"), [(5, True, 0), (6, True, 1), (6, False, 0), (4, False, 1)])
def test_a_dot_is_posted_again_only_where_that_may_be(posted: int, once: bool, faults: int) -> None:
    result = Result(name="a", row=1, seed=1)

    fill(result, Found([], [], [], expected=4, least=5, most=5, posted=posted), once=once)

    assert len(result.faults) == faults
    assert result.notes == {"dots": 4, "dots_posted": posted}


def test_what_differs_is_a_fault_of_the_case() -> None:
    result = Result(name="a", row=1, seed=1, missing=1)

    fill(result, Found(["l"] * 5, ["m"], [], expected=4, least=1, most=1, posted=1), once=False)

    assert (result.missing, result.extra, result.wrong) == (6, 1, 0)
    assert result.faults == ["Ubidots: l"] * 3 + ["Ubidots: m"]
