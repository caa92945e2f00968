"""Every change that somebody made can be read: who, when, why, and what it was before."""

import json

from msgspec import structs

from streams.core.records import DeviceEvent
from streams.core.user_record import Token, User
from streams.registry import devices, mappings, rules
from streams.registry.history import recorded
from streams.registry.sightings import Sighting, sight
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, RULES, USERS, Author, Change, State
from tests.streams.registry.folded import BY, box, do, given, place, registry

Told = tuple[str, int, str, str, dict[str, object], dict[str, object]]


def history(state: State, topic: str, key: str) -> list[Told]:
    return [(c.kind, c.at, c.by, c.why, json.loads(c.before), json.loads(c.after)) for c in state.history(topic, key)]


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
    assert [told[0] for told in history(state, PHYSICAL, "1")] == ["created"]


def test_two_changes_of_one_record_in_one_step_are_told_one_after_the_other() -> None:
    state = registry()
    uid, field = box(state), place(state)
    begun = mappings.start(state, uid, field, 10, BY)
    state.apply(begun[0])
    ended = mappings.end(state.mappings["ttn:uid-1"], 20, BY)
    state.apply(Change(MAPPING, "ttn:uid-1", None))
    entries = recorded(state, [*begun, *ended])
    befores = [json.loads(entry.record.before).get("intervals", []) for entry in entries]  # type: ignore[union-attr]
    assert [len(before) for before in befores] == [0, 1]


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
