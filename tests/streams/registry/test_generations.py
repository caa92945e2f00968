from streams.agents.generations import in_force
from streams.core.records import Generation, Rule
from streams.registry.generations import announce, announced, fence, hashes, why_due
from streams.registry.state import GENERATIONS, RULES, Author, Change, State

BY, CODE = Author("isthmus", 100, "why"), "c0de"


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def open_generation(state: State, ends: dict[int, int]) -> None:
    do(state, announce(state, BY, CODE))
    do(state, fence(state, announced(state), ends, 100))


def test_the_first_generation_begins_at_the_beginning() -> None:
    state = State()
    assert why_due(state, CODE) == "the first generation"
    open_generation(state, {0: 10, 1: 20})
    assert state.generations == {
        1: Generation(
            number=1, fences={"0": 0, "1": 0}, opened_at=100, opened_by="isthmus", why="why", **hashes(State(), CODE)
        )
    }
    assert why_due(state, CODE) is None


def test_a_changed_rule_makes_a_generation_due_which_begins_at_its_fences() -> None:
    state = State()
    open_generation(state, {0: 0})
    state.apply(Change(RULES, "r", Rule(id="r", measurement="Temp", target="temperature")))
    assert why_due(state, CODE) == "rules changed"
    open_generation(state, {0: 7})
    assert state.generations[2].fences == {"0": 7}
    assert why_due(state, CODE) is None


def test_older_code_in_the_newest_generation_makes_one_due() -> None:
    state = State()
    old = Generation(
        number=3, fences={"0": 0}, opened_at=1, opened_by="x", why="", **(hashes(state, CODE) | {"code": "old"})
    )
    state.apply(Change(GENERATIONS, "3", old))
    assert why_due(state, CODE) == "code changed"


def test_an_announced_generation_is_not_due_again_and_in_force_nowhere() -> None:
    state = State()
    do(state, announce(state, BY, CODE))

    assert announced(state) == {1}
    assert why_due(state, CODE) is None
    assert in_force(state.generations.values(), 0, 10**9) is None


def test_fences_are_for_generations_that_were_announced_before_they_were_read() -> None:
    state = State()
    open_generation(state, {0: 0})
    do(state, announce(state, BY, CODE))
    before = announced(state)
    do(state, announce(state, BY, CODE))
    do(state, fence(state, before, {0: 7}, 200))

    assert (state.generations[2].fences, state.generations[2].opened_at) == ({"0": 7}, 200)
    assert state.generations[3].fences == {}
    assert fence(state, before, {0: 9}, 300) == []
