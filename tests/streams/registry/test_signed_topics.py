"""Topics of signed messages: which keys are possible, what opens a generation, what an old generation had."""

from typing import Any

import msgspec
import pytest

import schemas
from streams import avro
from streams.core.records import NO_TOPICS, Generation
from streams.core.signed_topic import SignedTopic
from streams.registry import signed_topics
from streams.registry.generations import announce, why_due
from streams.registry.hashes import topics_hash
from streams.registry.signed_topics import GivenKey
from streams.registry.state import Author, Refused, State
from tests.streams.test_avro import written_by_fastavro

AUTHOR = Author("ann", 5, "why")
TOPIC = SignedTopic(topic="a/b", dataset="d", raw_retention=60)
OLD, NEW = GivenKey(key="old key"), GivenKey(key="new key")


def registered(*keys: GivenKey) -> State:
    state = State()
    for change in signed_topics.add(state, TOPIC, keys, AUTHOR):
        state.apply(change)
    return state


def test_a_key_is_kept_by_its_fingerprint_while_another_comes() -> None:
    state = registered(OLD)
    (held,) = state.signed_topics["a/b"].keys
    kept = GivenKey(fingerprint=held.fingerprint, not_after=9)
    (change,) = signed_topics.replace(state, TOPIC, [kept, NEW], AUTHOR)
    assert isinstance(change.record, SignedTopic)
    assert [(key.key, key.not_after) for key in change.record.keys] == [("old key", 9), ("new key", None)]
    (untouched,) = signed_topics.replace(state, TOPIC, None, AUTHOR)
    assert isinstance(untouched.record, SignedTopic)
    assert untouched.record.keys == [held]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [OLD, OLD],
        [GivenKey(fingerprint="00000000")],
        [GivenKey(key="x", not_before=5, not_after=5)],
        [OLD, NEW, GivenKey(key="third", not_before=7)],
    ],
)
def test_keys_that_cannot_be_are_refused(keys: list[GivenKey]) -> None:
    with pytest.raises(Refused) as refused:
        signed_topics.add(State(), TOPIC, keys, AUTHOR)
    assert refused.value.status == 422


def test_ended_keys_make_room_for_new_ones() -> None:
    ended = [GivenKey(key=f"key {n}", not_before=n, not_after=n + 2) for n in range(4)]
    assert len(registered(*ended).signed_topics["a/b"].keys) == 4


def test_registering_twice_and_removing_the_unknown_are_refused() -> None:
    with pytest.raises(Refused) as twice:
        signed_topics.add(registered(OLD), TOPIC, [NEW], AUTHOR)
    with pytest.raises(Refused) as unknown:
        signed_topics.remove(registered(OLD), "other", AUTHOR)
    assert (twice.value.status, unknown.value.status) == (409, 404)


def test_a_registered_topic_opens_a_generation_and_its_retention_does_not() -> None:
    state = registered(OLD)
    for change in announce(State(), AUTHOR, "code"):
        state.apply(change)
    assert why_due(state, "code") == "topics changed"
    (topic,) = state.signed_topics.values()
    kept = msgspec.structs.replace(topic, raw_retention=61, aggregate_retention=9, changed_by="bob")
    assert topics_hash([kept]) == topics_hash([topic]) != NO_TOPICS
    others: tuple[dict[str, Any], ...] = (
        {"dataset": "e"},
        {"freshness": 1},
        {"tags": {"a": "b"}},
        {"extra_fields": True},
        {"keys": []},
    )
    for other in others:
        assert topics_hash([msgspec.structs.replace(topic, **other)]) != topics_hash([topic])


def test_the_hash_of_no_topics_is_that_of_generations_from_before_there_were_any() -> None:
    assert topics_hash(()) == NO_TOPICS == Generation.__struct_defaults__[-1]
    first = schemas.versions("generation")[0]
    old = written_by_fastavro(
        first,
        {
            "number": 3,
            "fences": {"0": 1},
            "code": "c",
            "codecs": "k",
            "rules": "r",
            "opened_at": 1,
            "opened_by": "b",
            "why": "w",
        },
    )
    assert avro.decode(old, Generation).topics == NO_TOPICS


def test_no_key_is_shown_by_any_record() -> None:
    shown = repr((registered(OLD).signed_topics, OLD))
    assert "old key" not in shown
