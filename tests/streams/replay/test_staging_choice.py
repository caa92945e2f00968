"""Which records are staged, in which generation, placed by which mapping, and how batches of them are put together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.identity import row_version
from streams.core.place import place
from streams.replay.job import Mode
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.staging import Stager, as_of, merge
from tests.streams.replay.staging import (
    MAPPING,
    NOON,
    REGISTRY,
    SERIES,
    T,
    batch,
    body,
    chunk,
    generation,
    raw,
    rows,
    staged,
    task,
)


def test_rows_have_the_generation_in_force_at_their_offset() -> None:
    assert staged(T, T, first=99).version == [row_version(3, 1, 99), row_version(4, 1, 100)]


def test_records_of_another_code_are_foreign_to_restoring_only() -> None:
    registry = replace(REGISTRY, generations=(generation(3, code="other"), generation(4, fence=100, code="other")))

    made = staged(T, T, first=99, registry=registry, mode=Mode.RESTORE)
    assert (made.version, made.foreign, list(made.selected)) == ([], 2, [])
    assert staged(T, T, first=99, registry=registry).version == [row_version(3, 1, 99), row_version(4, 1, 100)]


def test_restoring_never_writes_what_newer_code_makes_of_a_record() -> None:
    registry = replace(REGISTRY, generations=(generation(3, code="other"), generation(4, fence=100)))

    made = staged(T, T, first=99, registry=registry, mode=Mode.RESTORE)
    assert (made.version, made.foreign) == ([row_version(4, 1, 100)], 1)


def test_points_are_placed_by_the_mapping_of_their_time_or_of_the_moment_asked_for() -> None:
    before = body({"t": 1}, time=(NOON - 70) // 10**9)

    assert staged(T).logical_uid == [8]
    assert staged(raw(T.payload), mapping_as_of=NOON - 70).logical_uid == [7]
    assert staged(T, mapping_as_of=NOON - 45).logical_uid == [0]
    assert staged(T, before, mapping_as_of=NOON + 1).logical_uid == [8, 8]


@given(st.integers(-200, 200), st.integers(-200, 200))
def test_a_mapping_as_of_a_moment_places_every_time_alike(moment: int, time: int) -> None:
    assert place(as_of(MAPPING, NOON + moment), NOON + time) == place(MAPPING, NOON + moment)


A, B, DEAD = body({"t": 1, "u": 2}), body({"t": 1}, "b"), raw(b"{")


@pytest.mark.parametrize(("more", "offsets", "rows"), [
    ({}, [0, 1, 2], 3),
    ({"selection": Selection(devices=("json:b",))}, [1], 1),
    ({"selection": Selection(devices=("json:b",)), "stored": Runs([(1, 0, 0), (1, 2, 2)])}, [0, 1, 2], 3),
    ({"selection": Selection(logical=(8,))}, [0], 2),
    ({"selection": Selection(codecs=("lpp",))}, [], 0),
    ({"selection": Selection(codecs=("json",))}, [0, 1], 3),
    ({"selection": Selection(time_until=NOON)}, [], 0),
    ({"selection": Selection(sources=("ttn",))}, [], 0),
    ({"selection": Selection(offsets={"1": (1, 2)})}, [1], 1),
    ({"selection": Selection(offsets={"0": (0, 2)})}, [], 0),
    ({"wanted": Runs([(1, 2, 2)])}, [2], 0),
    ({"wanted": Runs([(1, 0, 1)]), "selection": Selection(devices=("json:a",))}, [0], 2),
])  # fmt: skip
def test_takes_records_as_a_whole_by_what_they_are_what_is_stored_and_what_they_become(
    more: dict[str, Any], offsets: list[int], rows: int
) -> None:
    made = staged(A, B, DEAD, **more)

    assert [o for _, first, last in made.selected for o in range(first, last + 1)] == offsets
    assert len(made.ts) == len(made.codec) == rows
    assert made.records == 3
    assert [d.raw_offset for d in made.dead_letters] == [2] * (2 in offsets)


def test_merging_is_staging_together() -> None:
    stager = Stager(task(), REGISTRY)
    sensor = batch([(NOON, 1.0), (NOON + 5, 2.0)])
    one, other = stager.stage(chunk([A, DEAD])), stager.stage(chunk([B, A, sensor], first=2))
    merge(one, other)
    together = stager.stage(chunk([A, DEAD, B, A, sensor]))

    assert rows(one) == rows(together)
    assert one.rows == 7
    assert list(one.selected) == list(together.selected)
    assert one.names == together.names
    assert (one.records, one.readings, len(one.dead_letters)) == (5, 4, 1)


def test_a_series_is_told_by_its_latest_record_and_first_seen_by_its_earliest() -> None:
    stager = Stager(task(), REGISTRY)
    late = stager.stage(chunk([replace(T, received_at=NOON + 9)]))
    merge(late, stager.stage(chunk([T], first=5)))

    name = late.names[SERIES]
    assert (name.device, name.name, name.source) == ("json:a", "t", "json")
    assert (name.first_seen, name.partition, name.offset) == (NOON, 1, 5)


def test_no_records_are_no_rows() -> None:
    assert rows(staged()) == []
