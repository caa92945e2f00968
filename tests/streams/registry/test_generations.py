from streams.core.records import Generation, Rule
from streams.registry.generations import hashes, open_generation, why_due
from streams.registry.state import GENERATIONS, RULES, Author, Change, State

BY, CODE = Author("isthmus", 100, "why"), "c0de"


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def test_the_first_generation_begins_at_the_beginning() -> None:
    state = State()
    assert why_due(state, CODE) == "the first generation"
    do(state, open_generation(state, {0: 10, 1: 20}, BY, CODE))
    assert state.generations == {
        1: Generation(
            number=1, fences={"0": 0, "1": 0}, opened_at=100, opened_by="isthmus", why="why", **hashes(State(), CODE)
        )
    }
    assert why_due(state, CODE) is None


def test_a_changed_rule_makes_a_generation_due_which_begins_at_its_fences() -> None:
    state = State()
    do(state, open_generation(state, {0: 0}, BY, CODE))
    state.apply(Change(RULES, "r", Rule(id="r", measurement="Temp", target="temperature")))
    assert why_due(state, CODE) == "rules changed"
    do(state, open_generation(state, {0: 7}, BY, CODE))
    assert state.generations[2].fences == {"0": 7}
    assert why_due(state, CODE) is None


def test_older_code_in_the_newest_generation_makes_one_due() -> None:
    state = State()
    old = Generation(
        number=3, fences={"0": 0}, opened_at=1, opened_by="x", why="", **(hashes(state, CODE) | {"code": "old"})
    )
    state.apply(Change(GENERATIONS, "3", old))
    assert why_due(state, CODE) == "code changed"
