from hypothesis import given
from hypothesis import strategies as st

from streams.agents.generations import in_force
from streams.core.records import Generation, Rule
from streams.core.replay_record import Replay
from streams.core.times import DAY, HOUR
from streams.registry.generations import announce, announced, fence, hashes, opened_at, why_due
from streams.registry.state import GENERATIONS, REPLAYS, RULES, Author, Change, State

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


def test_a_number_is_above_every_one_that_rows_or_replays_carry() -> None:
    """A registry that was restored has lost some: what was written at them would stand above what is written next."""
    state = State()
    open_generation(state, {0: 0})
    (change,) = announce(state, BY, CODE, above=8)
    assert change.key == "9"

    state.apply(Change(REPLAYS, "1", corrected(3, 5)))
    assert [change.key for change in announce(state, BY, CODE)] == ["6"]


def test_the_first_generation_begins_at_the_beginning_whatever_its_number() -> None:
    state = State()
    do(state, announce(state, BY, CODE, above=8))
    do(state, fence(state, announced(state), {0: 7}, 100))
    open_generation(state, {0: 9})

    assert {number: held.fences for number, held in state.generations.items()} == {9: {"0": 0}, 10: {"0": 9}}


def corrected(at: int, undone_at: int) -> Replay:
    return Replay(
        id=1,
        mode="decode",
        state="undone",
        changed_at=0,
        changed_by="ann",
        why="",
        generation=at,
        undo_generation=undone_at,
    )


def test_a_clock_that_is_years_ahead_opens_a_generation_a_day_after_the_newest_record_at_most() -> None:
    """All windows until then are repairs, and no later generation takes that back."""
    newest, years = 1_000 * DAY, 9_000 * DAY
    assert opened_at(newest + HOUR, {0: 7, 1: 2, 2: 0}, {0: newest, 1: 5}) == newest + HOUR
    assert opened_at(years, {0: 7, 1: 2, 2: 0}, {0: newest, 1: 5}) == newest + DAY
    assert opened_at(newest - HOUR, {0: 7, 1: 2, 2: 0}, {0: newest, 1: 5}) == newest


def test_the_clock_alone_counts_where_kafka_does_not_tell_when_what_stands_before_a_fence_came() -> None:
    """As when retention has deleted it, which the archive has, or while its replicas do not have the newest record yet."""
    newest, now = 1_000 * DAY, 1_010 * DAY
    assert opened_at(now, {0: 7, 1: 2}, {0: newest}) == now
    assert opened_at(now, {0: 7, 1: 2}, {}) == now
    assert opened_at(newest - HOUR, {0: 7, 1: 2}, {0: newest}) == newest


def test_without_any_record_a_generation_is_opened_now() -> None:
    assert opened_at(1_010 * DAY, {0: 0, 1: 0}, {}) == 1_010 * DAY
    assert opened_at(1_010 * DAY, {}, {}) == 1_010 * DAY


TIMES = st.integers(0, 10_000 * DAY)


@given(TIMES, st.dictionaries(st.integers(0, 3), TIMES), st.dictionaries(st.integers(0, 3), TIMES))
def test_no_record_before_a_fence_was_appended_after_the_opening(
    now: int, before: dict[int, int], since: dict[int, int]
) -> None:
    """``before``: when the newest record before each fence came; ``since``: what came before Kafka was asked for times."""
    appended = {p: max(before.get(p, 0), since.get(p, 0)) for p in before | since}
    assert opened_at(now, dict.fromkeys(before, 1), appended) >= max(before.values(), default=0)
