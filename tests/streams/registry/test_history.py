"""Every change that somebody made can be read: who, when, why, and what it was before."""

import json

from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from streams.core.records import DeviceEvent, Location
from streams.core.user_record import Token, User
from streams.registry import devices, mappings, removal, rules
from streams.registry.history import recorded, told
from streams.registry.sightings import Sighting, sight
from streams.registry.state import LOGICAL, PHYSICAL, RULES, STREAMS, USERS, Author, Change, State
from tests.streams.registry.folded import BY, box, do, given, place, registry

Told = tuple[str, int, str, str, dict[str, object], dict[str, object]]


def history(state: State, topic: str, key: str) -> list[Told]:
    return [(c.kind, c.at, c.by, c.why, json.loads(c.before), json.loads(c.after)) for c in told(state, topic, key)]


def test_an_edit_is_told_with_what_was_before_newest_first() -> None:
    state = registry()
    do(state, devices.create_logical(state, given(name="a"), BY))
    do(state, devices.edit_logical(state, 1, given(name="b"), Author("bob", 2000, "typo")))
    edit, creation = history(state, LOGICAL, "1")
    assert edit == ("changed", 2000, "bob", "typo", {"name": "a"}, {"name": "b"})
    assert creation[:5] == ("created", 1000, "ann", "new probe", {})
    assert (creation[5]["name"], creation[5]["uid"]) == ("a", 1)


def test_that_a_device_was_seen_is_no_change() -> None:
    state = registry()
    box(state, "aa")
    event = DeviceEvent(kind="seen", device="ttn:aa", source="ttn", at=7, raw_partition=1, raw_offset=5)
    do(state, sight(state, {"ttn:aa": Sighting(first=event, latest=7, raw="1@5")}, Author("isthmus", 900)))
    assert (state.physical[1].last_seen, state.physical[1].last_raw) == (7, "1@5")
    assert [one[0] for one in history(state, PHYSICAL, "1")] == ["created"]


def test_two_changes_of_one_record_in_one_step_are_told_one_after_the_other() -> None:
    state = registry()
    uid, field = box(state), place(state)
    begun = mappings.start(state, uid, field, 10, BY)
    with state.tried() as attempt:
        attempt(begun[0])
        ended = mappings.end(state.mappings["ttn:uid-1"], 20, BY)
    entries = recorded(state, [*begun, *ended])
    befores = [json.loads(entry.record.before).get("intervals", []) for entry in entries]  # type: ignore[union-attr]
    assert [len(before) for before in befores] == [0, 1]


def test_being_seen_does_not_hide_who_made_a_device() -> None:
    state = registry()
    box(state, "aa")
    event = DeviceEvent(kind="seen", device="ttn:aa", source="ttn", at=7, source_ids={"app_id": "x"})
    do(
        state,
        sight(state, {"ttn:aa": Sighting(first=event, latest=7, source_ids={"app_id": "x"})}, Author(STREAMS, 900)),
    )
    (creation,) = history(state, PHYSICAL, "1")
    assert creation[1:4] == (1000, "ann", "new probe")
    named = structs.replace(event, name="from the network")
    do(state, [Change(PHYSICAL, "1", structs.replace(state.physical[1], edited=[]))])
    do(state, sight(state, {"ttn:aa": Sighting(first=named, latest=8, name="n")}, Author(STREAMS, 901)))
    assert history(state, PHYSICAL, "1")[0][:5] == ("changed", 901, "isthmus", "", {"name": "box 1"})


@for_all(st.lists(st.tuples(st.sampled_from(["name", "location", "gone"]), st.integers(0, 3)), max_size=8))
def test_going_back_through_all_changes_ends_at_the_creation(steps: list[tuple[str, int]]) -> None:
    state = registry()
    do(state, devices.create_logical(state, given(name="0"), BY))
    for at, (what, value) in enumerate(steps):
        by, edit = Author("bob", 2000 + at), {"name": str(value), "location": Location(value, 0)}
        if what == "gone" and 1 in state.logical:
            do(state, removal.remove_logical(state, 1, by))
        elif 1 in state.logical:
            do(state, devices.edit_logical(state, 1, given(**{what: edit[what]}), by))
    told_all = history(state, LOGICAL, "1")
    kind, at, by_whom, why, before, after = told_all[-1]
    assert (kind, at, by_whom, why, before) == ("created", 1000, "ann", "new probe", {})
    assert (after["name"], after["location"]) == ("0", None)
    assert [one[1] for one in told_all] == sorted((one[1] for one in told_all), reverse=True)


def test_a_removal_without_a_record_says_who_did_it() -> None:
    state = registry()
    do(state, rules.put(state, "r", {"measurement": "t", "target": "u"}, BY))
    do(state, rules.remove(state, "r", Author("bob", 5, "wrong")))
    removal, creation = history(state, RULES, "r")
    assert (removal[0], removal[1:4], creation[0]) == ("removed", (5, "bob", "wrong"), "created")
    assert removal[4]["to"] == "u"


def test_secrets_are_never_told_and_logins_neither() -> None:
    token = Token(name="login", hash="h", created_at=0, expires_at=9)
    state = State()
    do(state, [Change(USERS, "1", User(uid=1, username="ann", password="argon-hash", role="admin"))])
    ann = User(
        uid=1, username="ann", password="argon-hash", role="admin", tokens=[token], changed_by="ann", why="login"
    )
    do(state, [Change(USERS, "1", ann)])
    do(state, [Change(USERS, "1", structs.replace(ann, password="other-hash", why="forgotten"))])
    do(state, [Change(USERS, "1", structs.replace(ann, password="other-hash", tokens=[], changed_by="bob"))])
    ended, changed, created = history(state, USERS, "1")
    assert (ended[2], ended[5]) == ("bob", {"tokens": "(secret)"})
    assert (changed[4], changed[5]) == ({"password": "(secret)"}, {"password": "(secret)"})
    assert (created[5]["password"], created[5]["tokens"]) == ("(secret)", "(secret)")
