"""Sets of rules by their hashes: those that were, each as it was, at the price of one record for a change."""

import asyncio
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.agents import fence
from streams.agents.batch import Batch
from streams.agents.fence import VERSIONS_KEPT, Fence, Versions
from streams.core.records import Rule
from streams.registry.hashes import hash_of_lines, rule_line, rules_hash
from streams.settings import KafkaSettings
from tests.streams.agents.consumed import Record

Change = tuple[str, str | None]


def versions() -> Versions[Rule]:
    return Versions(KafkaSettings(), "rules", Rule, rule_line)


def rule(key: str, target: str) -> Rule:
    return Rule(id=key, measurement=key, target=target)


def tell(known: Versions[Rule], change: Change) -> None:
    key, target = change
    known.view._change(key.encode(), None if target is None else rule(key, target), 0)


def test_the_set_after_each_change_is_known_by_its_hash_though_nobody_looked_between() -> None:
    known, a, b = versions(), rule("a", "1"), rule("b", "2")
    for change in (("a", "1"), ("b", "2"), ("a", None)):
        tell(known, change)

    assert set(known.hashes) == {rules_hash([]), rules_hash([a]), rules_hash([a, b]), rules_hash([b])}
    assert known.get(rules_hash([a, b])) == (a, b)
    assert known.get(rules_hash([b])) == (b,)


changes = st.tuples(st.sampled_from("abc"), st.sampled_from([None, "1", "2"]))


@given(st.lists(st.tuples(changes, st.booleans()), max_size=VERSIONS_KEPT))
def test_it_makes_no_difference_when_somebody_looks(told: list[tuple[Change, bool]]) -> None:
    known, held = versions(), dict[str, Rule]()
    expected = {rules_hash([]): tuple[Rule, ...]()}
    for (key, target), look in told:
        tell(known, (key, target))
        held.pop(key, None) if target is None else held.update({key: rule(key, target)})
        expected[rules_hash(held.values())] = tuple(held.values())
        assert not look or known.hashes == expected.keys()

    assert {digest: known.get(digest) for digest in known.hashes} == expected


def test_of_many_changes_the_last_sets_are_known_and_the_newest_is_whole() -> None:
    known, rules = versions(), [rule(f"{number}", "1") for number in range(200)]
    for one in rules:
        tell(known, (one.id, "1"))

    assert set(known.hashes) == {rules_hash(rules[:number]) for number in range(137, 201)}
    assert known.get(rules_hash(rules)) == tuple(rules)


def test_a_topic_of_thousands_is_read_in_time_that_grows_with_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was hashed whole for each of its records: 10,000 signed topics took three minutes before the agent began."""
    made, hashed = [], []

    def line(one: Rule) -> bytes:
        made.append(one.id)
        return rule_line(one)

    def counted(lines: object) -> str:
        hashed.append(lines)
        return hash_of_lines(lines)  # type: ignore[arg-type]  # whatever it is

    known = Versions(KafkaSettings(), "rules", Rule, line)
    monkeypatch.setattr(fence, "hash_of_lines", counted)
    for number in range(3000):
        tell(known, (f"{number}", "1"))
    assert (len(made), len(hashed)) == (3000, 0)

    assert len(known.hashes) == 64
    assert (len(made), len(hashed)) == (3000, 64)

    tell(known, ("7", "2"))
    assert len(known.hashes) == 64
    assert (len(made), len(hashed)) == (3001, 65)


class Opened:
    """A generation; while it is looked at, another one is read."""

    number = 1

    def __init__(self, data: dict[bytes, Any]) -> None:
        self._data = data

    @property
    def fences(self) -> dict[str, int]:
        self._data[b"2"] = self
        return {"0": 0}


def test_a_generation_that_is_read_meanwhile_ends_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def now(_batch: Batch) -> bool:
        return True

    waiting = Fence(KafkaSettings(), "code")
    monkeypatch.setattr(waiting._now, "reached", now)
    data = cast(dict[bytes, Any], waiting.generations.data)
    data[b"1"] = Opened(data)

    assert asyncio.run(waiting._up_to_date(Batch(cast(Any, TopicPartition("raw", 0)), [Record()])))
    assert data.keys() == {b"1", b"2"}
