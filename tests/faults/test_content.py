"""Cases of what devices say: all of what they list is sent."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.cases import content
from tests.faults.result import Result


class Load:
    """Notes what is mixed in, and what is waited for."""

    def __init__(self) -> None:
        self.mixed, self.through_with = list[int](), list[int]()

    def also(self, messages: Any) -> int:
        self.mixed.append(len(list(messages)))
        return len(self.mixed) - 1

    def through(self, *mixed: int) -> None:
        self.through_with += mixed

    def more(self, count: int) -> None:
        pass


def case() -> Any:
    world = SimpleNamespace(settings=None)
    return SimpleNamespace(
        load=Load(), rng=random.Random(1), result=Result(name="a", row=1, seed=1), world=world, fresh_row=lambda _: None
    )


@pytest.mark.parametrize(
    ("act", "messages"),
    [
        (content.poison, [494]),
        (content.skewed_clocks, [150] * 5),
        (content.late_data, [600]),
        (content.endless_codec, [30, 30]),
    ],
)
def test_it_waits_until_all_is_sent(monkeypatch: pytest.MonkeyPatch, act: Any, messages: list[int]) -> None:
    monkeypatch.setattr(content, "_poison_raw", lambda _: None)
    one = case()

    act(one)

    assert one.load.mixed == messages
    assert sorted(one.load.through_with) == list(range(len(messages)))


@pytest.mark.parametrize(
    ("late", "of", "told"), [(0, 30, 0), (2, 30, 0), (3, 30, 3), (30, 30, 30), (4, 400, 0), (5, 400, 5)]
)
def test_a_hot_device_may_keep_one_in_a_hundred_waiting_and_one_moment(late: int, of: int, told: int) -> None:
    assert content._late([0.5] * (of - late) + [5.0] * late) == [5.0] * told
