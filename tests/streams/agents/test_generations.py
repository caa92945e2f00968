"""The generation of a record: laws of the rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.fence import Outdated, explain
from streams.agents.generations import Hashes, NoGeneration, generation_for, in_force, runs
from streams.core.records import Generation

OURS = Hashes("ours", {"c"}, {"r"})


def generation(number: int, fence: int, code: str = "ours", rules: str = "r") -> Generation:
    return Generation(
        number=number, fences={"0": fence}, code=code, codecs="c", rules=rules, opened_at=0, opened_by="test", why=""
    )  # fmt: skip


def history(steps: list[tuple[int, str]]) -> list[Generation]:
    """Generations whose fences never go back, as they are opened."""
    fences = [sum(more for more, _ in steps[: i + 1]) for i in range(len(steps))]
    return [generation(i, 0 if i == 0 else fences[i], code) for i, (_, code) in enumerate(steps)]


histories = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["ours", "theirs"])), min_size=1, max_size=6).map(
    history
)


@given(histories, st.integers(0, 30))
def test_it_is_one_that_the_worker_covers_and_never_lower_than_the_one_in_force(
    generations: list[Generation], offset: int
) -> None:
    chosen, current = generation_for(generations, 0, offset, OURS), in_force(generations, 0, offset)
    assert current is not None
    fitting = [g.number for g in generations if g.code == "ours" and g.number >= current.number]
    assert (chosen.number if chosen else None) == min(fitting, default=None)


@given(histories, st.integers(0, 30))
def test_it_never_falls_as_offsets_grow(generations: list[Generation], offset: int) -> None:
    here, next_one = (generation_for(generations, 0, at, OURS) for at in (offset, offset + 1))
    assert next_one is None or (here is not None and here.number <= next_one.number)


@given(histories, st.integers(0, 20), st.integers(0, 10))
def test_it_cuts_a_batch_so_that_each_record_gets_its_own(generations: list[Generation], first: int, more: int) -> None:
    each = [generation_for(generations, 0, offset, OURS) for offset in range(first, first + more + 1)]
    if None in each:
        with pytest.raises(NoGeneration) as stuck:
            runs(generations, 0, first, first + more, OURS)
        assert stuck.value.offset in range(first, first + each.index(None) + 1)
    else:
        cut = runs(generations, 0, first, first + more, OURS)
        assert [run.generation for run in cut for _ in range(run.first, run.last + 1)] == each


def test_it_is_the_one_in_force_at_the_fence_and_the_one_before_just_below() -> None:
    generations = [generation(1, 0), generation(2, 100)]
    assert generation_for(generations, 0, 99, OURS) == generations[0]
    assert generation_for(generations, 0, 100, OURS) == generations[1]


def test_it_is_a_later_one_for_new_code_that_meets_old_records() -> None:
    old, new = generation(1, 0, "older"), generation(2, 100)
    assert generation_for([old, new], 0, 5, OURS) == new


def test_it_uses_the_rules_of_the_records_own_generation() -> None:
    before, after = generation(1, 0, rules="r1"), generation(2, 100, rules="r2")
    both = Hashes("ours", {"c"}, {"r1", "r2"})
    assert [run.generation for run in runs([before, after], 0, 90, 110, both)] == [before, after]


def test_it_waits_for_the_first_generation() -> None:
    assert explain([], 0, 0, "ours") == "no generation has been opened yet: the API opens the first one when it starts"


def test_it_waits_for_rules_that_are_on_their_way() -> None:
    why = explain([generation(3, 0, rules="new")], 0, 0, "ours")
    assert why == "generation 3 has codecs c, rules new and topics e3b0c44298fc1c14, not all seen yet"


def test_it_waits_for_the_generation_of_code_that_is_newer_than_all() -> None:
    why = explain([generation(3, 0, "older")], 0, 0, "ours")
    assert why == "no generation has this worker's code ours: start the API of the same version, which opens one"


def test_it_stops_code_that_was_replaced() -> None:
    with pytest.raises(Outdated, match="offset 100 is past the fence of generation 2, which is decoded by code newer"):
        explain([generation(1, 0), generation(2, 100, "newer")], 0, 100, "ours")
