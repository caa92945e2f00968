"""When probes are sent."""

from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors.simulator import fleet
from tests.faults.load import Load, Mixed


def test_each_door_is_probed_twice_a_second_and_at_no_steady_beat(tmp_path: Path) -> None:
    """At 20 messages a second that is once in ten; a beat would keep step with the sink's batches."""
    here: Any = SimpleNamespace(directory=tmp_path)
    load = Load(here, seed=1, rate=20)
    with load.book:
        turns = list(islice(load._turns(), 1000))
    places = [
        [place % 10 for place, doors in enumerate(turns) for found in doors if found == door]
        for door in ("mqtt", "http")
    ]

    assert [len(found) for found in places] == [100, 100]
    assert [set(found) for found in places] == [set(range(10))] * 2


def test_what_is_mixed_in_comes_after_every_so_many_and_is_known_to_be_through() -> None:
    message = fleet.Message(0, "mixed", "json:a", "json", "http", "/webhooks/json", b"{}")
    mixed = Mixed(iter([message] * 3), every=4)

    turns = [len(list(mixed.next())) for _ in range(15)]
    assert (turns, mixed.ended) == ([0, 0, 0, 1] * 3 + [0, 0, 0], False)

    assert (list(mixed.next()), mixed.ended) == ([], True)


def test_a_door_that_acknowledges_nothing_is_silent(tmp_path: Path) -> None:
    here: Any = SimpleNamespace(directory=tmp_path)
    load, doors = Load(here, seed=1, rate=20), [("mqtt", False), ("http", True)]
    with load.book:
        for transport, acknowledged in doors:
            message = fleet.Message(0, "normal", "json:a", "json", transport, "", b"{}")
            load.book.write(message, acknowledged=acknowledged, tries=1)

    assert (load.book.through, load.book.acknowledged["normal"]) == ({"mqtt": 0, "http": 1}, 1)
    assert load.silent("mqtt", 0)
