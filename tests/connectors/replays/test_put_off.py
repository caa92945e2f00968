"""Devices that could not be placed: when they are tried again, and whom they keep waiting."""

import pytest

from connectors.replays import placements
from connectors.replays.put_off import PutOff
from streams.core.replay_record import Replay


def test_a_group_rests_twice_as_long_each_time_and_an_hour_at_most() -> None:
    waiting = PutOff()

    assert [waiting.add(["a", "b"], 0.0) for _ in range(10)] == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_it_is_due_when_it_has_rested_and_forgotten_when_it_is_placed() -> None:
    waiting = PutOff()
    waiting.add(["a", "b"], 100.0)
    waiting.add(["c"], 110.0)

    assert [list(waiting.due(now)) for now in (114.9, 115.0, 125.0)] == [[], [("a", "b")], [("a", "b"), ("c",)]]
    waiting.drop({"a": 1, "b": 2})
    assert (waiting.devices, list(waiting.due(125.0))) == ({"c"}, [("c",)])
    assert waiting.add(["a", "b"], 130.0) == 15


def test_a_new_mapping_of_one_of_them_ends_the_rest() -> None:
    waiting = PutOff()
    waiting.add(["a", "b"], 100.0)
    waiting.wake("x")
    assert list(waiting.due(100.0)) == []

    waiting.wake("b")
    assert list(waiting.due(100.0)) == [("a", "b")]


def replay(mode: str, state: str, failed_in: str = "", devices: str = '["a"]') -> Replay:
    return Replay(id=1, mode=mode, state=state, failed_in=failed_in, selection=f'{{"devices":{devices}}}')


@pytest.mark.parametrize(
    ("other", "free"),
    [
        (replay("place", "applied"), ["a", "b"]),
        (replay("place", "applying"), ["b"]),
        (replay("place", "failed", "applying"), ["b"]),
        (replay("place", "failed", "ready"), ["a", "b"]),
        (replay("place", "undoing", devices="[]"), []),
        (replay("decode", "applying"), []),
        (replay("decode", "failed", "undoing"), []),
    ],
)
def test_devices_wait_for_who_corrects_them_and_for_no_placement_of_others(other: Replay, free: list[str]) -> None:
    assert placements.free([other], ["a", "b"]) == free


def test_a_placement_that_failed_while_applying_does_not_keep_itself_waiting() -> None:
    failed = replay("place", "failed", "applying", '["a","b"]')

    assert placements.free([failed], ["a", "b"]) == ["a", "b"]
    assert placements.free([failed], ["a"]) == []
    assert placements.failed([failed], ["a", "b"]) is failed
    assert placements.failed([failed], ["a"]) is None
