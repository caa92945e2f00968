"""Rule commands, on a state that was folded by hand."""

from typing import Any

import pytest

from streams.core.records import Rule, Source
from streams.registry import rules
from streams.registry.hashes import rules_hash
from streams.registry.state import RULES, SOURCES, Author, Change, Refused, State

ANN = Author("ann", 5, "names")
TEMPERATURE = Rule(id="t", measurement="temp", target="air.temperature", changed_at=5, changed_by="ann", why="names")


def state(*held: Rule) -> State:
    made = State()
    made.apply(Change(SOURCES, "ttn", Source(name="ttn")))
    for rule in held:
        made.apply(Change(RULES, rule.id, rule))
    return made


def test_puts_a_rule_and_changes_the_hash_of_the_rules() -> None:
    assert rules.put(state(), "t", {"measurement": "temp", "target": "air.temperature"}, ANN) == [
        Change(RULES, "t", TEMPERATURE)
    ]
    assert rules_hash([TEMPERATURE]) != rules_hash([])


def test_the_same_again_writes_nothing_and_another_replaces() -> None:
    told: dict[str, Any] = {"measurement": "temp", "target": "air.temperature"}
    later = Author("bob", 9)

    assert rules.put(state(TEMPERATURE), "t", told, later) == []
    (change,) = rules.put(state(TEMPERATURE), "t", told | {"scale": 2.0}, later)
    assert change.record == Rule(id="t", **told, scale=2.0, changed_at=9, changed_by="bob")


def test_removes_what_is_there() -> None:
    later = Author("bob", 9)

    assert rules.remove(state(TEMPERATURE), "t", later) == [Change(RULES, "t", None, later)]
    with pytest.raises(Refused) as refused:
        rules.remove(state(), "t", later)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"measurement": "temp"}, 400),
        ({"measurement": "temp", "target": "temp"}, 400),
        ({"measurement": "temp", "target": ""}, 400),
        ({"measurement": "te\x00mp", "drop": True}, 400),
        ({"measurement": "temp", "target": "x" * 201}, 400),
        ({"measurement": "temp", "scale": 0.0}, 400),
        ({"measurement": "temp", "offset": float("inf")}, 400),
        ({"measurement": "temp", "source": "tnt", "drop": True}, 400),
        ({"measurement": "temp", "device": "probe", "drop": True}, 400),
        ({"measurement": "temp", "drop": True}, 409),
    ],
)
def test_refuses_what_would_be_wrong(told: dict[str, Any], status: int) -> None:
    with pytest.raises(Refused) as refused:
        rules.put(state(TEMPERATURE), "new", told, ANN)
    assert refused.value.status == status


@pytest.mark.parametrize("scope", [{"source": "ttn"}, {"model": "acme/t1"}, {"device": "json:not-heard-of-yet"}])
def test_one_name_may_have_a_rule_for_each_scope(scope: dict[str, str]) -> None:
    assert rules.put(state(TEMPERATURE), "new", {"measurement": "temp", "drop": True} | scope, ANN)
