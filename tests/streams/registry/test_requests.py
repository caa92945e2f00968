"""A request under an idempotency key is carried out once."""

from functools import partial

import pytest

from streams.registry import devices, requests
from streams.registry.state import Change, Refused, State
from tests.streams.registry.folded import BY, do, given, registry

CREATE = partial(devices.create_logical, given=given(name="a"), author=BY)


def asked(state: State, digest: str, at: int, key: str = "ann:1") -> list[Change]:
    return list(requests.once(CREATE, key, digest, at)(state))


def test_its_repeat_changes_nothing_and_finds_what_was_made() -> None:
    state = registry()
    do(state, asked(state, "d", 10))
    assert asked(state, "d", 20) == []
    assert requests.made(state, "ann:1") == [("logical-devices", "1")]
    do(state, asked(state, "d", 20, key="bob:1"))
    assert sorted(state.logical) == [1, 2]


def test_the_same_key_for_something_else_is_refused() -> None:
    state = registry()
    do(state, asked(state, "d", 10))
    with pytest.raises(Refused) as refused:
        asked(state, "other", 20)
    assert refused.value.status == 422


def test_it_is_forgotten_after_a_day() -> None:
    state = registry()
    do(state, asked(state, "d", 10))
    day_later = 10 + requests.KEPT
    assert requests.expired(state, day_later - 1) == []
    assert len(asked(state, "d", day_later)) == 2
    do(state, requests.expired(state, day_later))
    assert state.requests == {}
