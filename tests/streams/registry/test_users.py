from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import avro
from streams.core.user_record import Token, User
from streams.registry import tokens, users
from streams.registry.state import Author, Change, Refused, State

BY = Author("operator", 100)
ANN = Author("ann", 100)


def do(state: State, changes: list[Change]) -> None:
    for change in changes:
        state.apply(change)


def with_ann() -> State:
    state = State()
    do(state, users.create(state, "ann", "argon", "admin", BY))
    return state


def token(name: str, secret: str, expires_at: int = 500) -> Token:
    return Token(name=name, hash=secret, created_at=100, expires_at=expires_at)


def log_in(state: State, secret: str, expires_at: int = 500, verified: str = "argon", renewed: str = "argon") -> None:
    do(state, tokens.log_in(state, "ann", verified, renewed, token("login", secret, expires_at), BY))


def status(command: Any, *arguments: Any, **more: Any) -> int:
    with pytest.raises(Refused) as refused:
        command(*arguments, **more)
    return refused.value.status


def test_a_user_name_is_given_once() -> None:
    assert status(users.create, with_ann(), "ann", "x", "admin", BY) == 409
    assert [status(users.create, State(), name, "x", "admin", BY) for name in ("operator", "isthmus")] == [409, 409]


def test_a_token_finds_its_user_until_the_user_is_removed() -> None:
    state = with_ann()
    log_in(state, "h1")
    log_in(state, "h2")
    assert state.bearer("h1") is state.bearer("h2") is state.user("ann")
    do(state, users.remove(state, "ann", BY))
    assert state.bearer("h1") is None
    assert state.user("ann") is None
    do(state, users.create(state, "ann", "x", "admin", BY))
    assert list(state.users) == [2]


def test_expired_tokens_and_the_oldest_logins_go_with_the_next_login() -> None:
    state = with_ann()
    log_in(state, "expired", 50)
    do(state, tokens.add(state, "ann", token("grafana", "named"), BY))
    for n in range(tokens.LOGINS_KEPT + 3):
        log_in(state, f"h{n}")
    assert state.bearer("expired") is state.bearer("h2") is None
    assert state.bearer("h3") is state.bearer("named") is state.user("ann")
    assert len(state.users[1].tokens) == tokens.LOGINS_KEPT + 1


def test_a_login_is_void_when_the_user_changed_while_the_password_was_checked() -> None:
    state = with_ann()
    assert status(tokens.log_in, state, "ann", "another", "another", token("login", "h"), BY) == 401
    do(state, users.edit(state, "ann", BY, valid=False))
    assert status(tokens.log_in, state, "ann", "argon", "argon", token("login", "h"), BY) == 401
    do(state, users.remove(state, "ann", BY))
    assert status(tokens.log_in, state, "ann", "argon", "argon", token("login", "h"), BY) == 401


def test_a_login_keeps_the_renewed_hash() -> None:
    state = with_ann()
    log_in(state, "h", renewed="argon with more memory")
    assert state.users[1].password == "argon with more memory"


def test_named_tokens_are_added_once_and_ended_by_name() -> None:
    state = with_ann()
    do(state, tokens.add(state, "ann", token("grafana", "a"), BY))
    assert status(tokens.add, state, "ann", token("grafana", "b"), BY) == 409
    assert status(tokens.add, state, "ann", token("login", "b"), BY) == 409
    assert status(tokens.add, state, "bob", token("x", "b"), BY) == 404
    do(state, tokens.end(state, "ann", "grafana", BY))
    assert state.bearer("a") is None
    assert status(tokens.end, state, "ann", "grafana", BY) == 404


def test_the_name_of_an_expired_token_is_free() -> None:
    state = with_ann()
    do(state, tokens.add(state, "ann", token("grafana", "old", 100), BY))
    do(state, tokens.add(state, "ann", token("grafana", "new"), BY))
    assert [held.hash for held in state.users[1].tokens] == ["new"]


def test_a_user_has_a_hundred_tokens_at_most() -> None:
    state = with_ann()
    for n in range(tokens.MOST):
        do(state, tokens.add(state, "ann", token(f"t{n}", f"h{n}"), BY))
    assert status(tokens.add, state, "ann", token("more", "more"), BY) == 409


def test_logging_out_ends_one_token_and_twice_is_no_change() -> None:
    state = with_ann()
    log_in(state, "h1")
    log_in(state, "h2")
    do(state, tokens.end_one(state, "ann", "h1", BY))
    assert (state.bearer("h1"), state.bearer("h2")) == (None, state.user("ann"))
    assert tokens.end_one(state, "ann", "h1", BY) == []


def test_a_refresh_ends_all_others_and_may_change_the_password() -> None:
    state = with_ann()
    log_in(state, "h1")
    do(state, tokens.replace_all(state, "ann", token("new", "h2"), BY))
    assert (state.bearer("h1"), state.bearer("h2")) == (None, state.user("ann"))
    do(state, tokens.replace_all(state, "ann", token("login", "h3"), BY, password_hash="next"))
    assert (state.bearer("h2"), state.users[1].password) == (None, "next")
    do(state, tokens.replace_all(state, "ann", None, BY))
    assert (state.bearer("h3"), state.users[1].password) == (None, "next")


@pytest.mark.parametrize("end_tokens", [True, False])
def test_another_password_ends_the_tokens_unless_they_are_to_stay(end_tokens: bool) -> None:
    state = with_ann()
    log_in(state, "h")
    do(state, users.set_password(state, "ann", "next", BY, end_tokens=end_tokens))
    assert state.users[1].password == "next"
    assert (state.bearer("h") is None) is end_tokens


def test_what_is_not_given_stays_and_no_change_is_none() -> None:
    state = with_ann()
    assert users.edit(state, "ann", BY) == []
    do(state, users.edit(state, "ann", BY, role="read-only"))
    do(state, users.edit(state, "ann", BY, valid=False))
    assert (state.users[1].role, state.users[1].valid) == ("read-only", False)
    assert status(users.edit, state, "bob", BY, valid=False) == 404


def test_the_last_administrator_cannot_go_unless_the_operator_says_so() -> None:
    state = with_ann()
    do(state, users.create(state, "reader", "x", "read-only", BY))
    do(state, users.create(state, "off", "x", "admin", BY, valid=False))
    assert status(users.remove, state, "ann", ANN) == 409
    assert status(users.edit, state, "ann", ANN, role="read-only") == 409
    assert status(users.edit, state, "ann", ANN, valid=False) == 409
    do(state, users.create(state, "bob", "x", "admin", BY))
    do(state, users.remove(state, "ann", ANN))
    do(state, users.remove(state, "bob", BY))
    assert [user.username for user in state.users.values()] == ["reader", "off"]


SECRETS = st.text("0123456789abcdef", min_size=8, max_size=8)


@given(SECRETS, SECRETS)
def test_no_hash_is_shown_by_repr_and_all_is_kept_in_the_topic(password: str, secret: str) -> None:
    user = User(uid=7, username="x", password=f"${password}", role="admin", tokens=[token("x", f"${secret}")])
    assert f"${password}" not in repr(user) + repr(user.tokens)
    assert f"${secret}" not in repr(user) + repr(user.tokens)
    assert avro.decode(avro.encode(user), User) == user
