import pytest

from streams.registry import users
from streams.registry.state import Author, Change, Refused, State

BY = Author("operator", 100)


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def with_ann() -> State:
    state = State()
    do(state, users.create(state, "ann", "argon", "admin", BY))
    return state


def test_a_user_name_is_given_once() -> None:
    with pytest.raises(Refused) as refused:
        users.create(with_ann(), "ann", "x", "admin", BY)
    assert refused.value.status == 409


def test_a_token_finds_its_user_until_the_user_is_removed() -> None:
    state = with_ann()
    do(state, users.give_token(state, "ann", "h1", 500, BY))
    do(state, users.give_token(state, "ann", "h2", 500, BY))
    assert state.bearer("h1") is state.bearer("h2") is state.user("ann")
    do(state, users.remove(state, "ann", BY))
    assert state.bearer("h1") is None
    assert state.user("ann") is None
    do(state, users.create(state, "ann", "x", "admin", BY))
    assert list(state.users) == [2]


def test_expired_tokens_and_the_oldest_logins_go_with_the_next_login() -> None:
    state = with_ann()
    do(state, users.give_token(state, "ann", "expired", 50, BY))
    for n in range(users.LOGINS_KEPT + 3):
        do(state, users.give_token(state, "ann", f"h{n}", 500, BY))
    assert state.bearer("expired") is state.bearer("h2") is None
    assert state.bearer("h3") is state.user("ann")
    assert len(state.users[1].tokens) == users.LOGINS_KEPT


def test_a_removed_user_gets_no_token() -> None:
    state = with_ann()
    do(state, users.remove(state, "ann", BY))
    with pytest.raises(Refused) as refused:
        users.give_token(state, "ann", "h", 500, BY)
    assert refused.value.status == 401
