"""Whether messages stand in raw in their order: what is seen, and what is let pass."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Message

from connectors.sources.receipt import receive
from streams import avro
from tests.faults.cases import order
from tests.faults.result import Result
from tests.faults.run import Run

KEPT = [(1, number, 1000 + number) for number in range(150)]


def told(monkeypatch: pytest.MonkeyPatch, found: list[tuple[int, int, int]]) -> Result:
    monkeypatch.setattr(order, "_found", lambda _: iter(found))
    unused: Any = SimpleNamespace()
    result = Result(name="a", row=6, seed=1)
    order.was_kept(Run(unused, unused, unused, result, 1))
    return result


def test_an_order_that_is_kept_holds_also_where_messages_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    result = told(monkeypatch, [*KEPT[:100], *KEPT[90:]])

    assert (result.faults, result.notes) == ([], {"in_order": 150, "again": 10, "came_swapped": 0})


def test_what_came_swapped_stands_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    result = told(monkeypatch, [*KEPT[:50], (1, 51, 1050), (1, 50, 1051), *KEPT[52:]])

    assert (result.faults, result.notes) == ([], {"in_order": 150, "again": 0, "came_swapped": 1})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([*KEPT[:50], *KEPT[51:], KEPT[50]], "not so: [(149, 50)]"),
        ([*KEPT[:149], (2, 149, 1149)], "one partition: [1, 2]"),
        (KEPT[:99], "99 numbered messages are enough"),
        ([], "one partition: []"),
    ],
)
def test_another_order_another_partition_and_too_few_do_not(
    monkeypatch: pytest.MonkeyPatch, found: list[tuple[int, int, int]], said: str
) -> None:
    assert any(said in fault for fault in told(monkeypatch, found).faults)


def test_what_else_stands_in_raw_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case poison, in the same installation, leaves what is no record there."""
    numbered = receive("json", "mqtt", "json/numbered-a-1", b'{"values":{"n":7}}', connector="mqtt")
    other = receive("json", "mqtt", "json/b", b"rubbish", connector="mqtt")
    values = (b"no avro", avro.encode(other), avro.encode(numbered))
    monkeypatch.setattr(order, "scan", lambda *_: (Message(topic="raw", partition=3, value=value) for value in values))
    world: Any = SimpleNamespace(settings=SimpleNamespace(kafka=None))
    unused: Any = SimpleNamespace()

    found = list(order._found(Run(world, unused, unused, Result(name="a", row=6, seed=1), 1)))

    assert found == [(3, 7, numbered.received_at)]
