"""Samples in columns give the points, and leave out for the reasons, that the same values one by one would."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.block import fault, points, times, values
from streams.core.identity import content_id
from streams.core.message import Samples, Sender, Value
from streams.core.normalise import Normalised, normalise
from streams.core.place import interval_at, present, present_block
from streams.core.records import Block, DeviceMapping, Interval, Measurement, Pause, Rule, Variable
from streams.core.rules import Rules
from streams.core.samples import SAMPLE_LIMIT, Scope
from streams.core.times import EARLIEST, LATEST

T = 1_715_382_000_000_000_000
SENDER = Sender(device="vibration:a", source_ids={})
INTERVALS = st.lists(st.integers(-20, 20), min_size=0, max_size=8, unique=True).map(sorted)
numbers = st.floats() | st.integers(-5, 5).map(float)
moments = st.integers(-20, 20).map(T.__add__) | st.sampled_from([T + 11, EARLIEST - 1, EARLIEST, LATEST, LATEST - 1])


@st.composite
def mappings(draw: st.DrawFn) -> DeviceMapping | None:
    """Intervals one after the other, with gaps, pauses, open ends and variables."""
    borders = [T + border for border in draw(INTERVALS)]
    variables = draw(st.sampled_from([[], [Variable("x", "y", 2.0, 1.0)], [Variable("x", drop=True)]]))
    intervals = []
    for number, (start, end) in enumerate(zip(borders[::2], [*borders[1::2], None], strict=False)):
        pauses = [Pause(start + 1, draw(st.sampled_from([start + 2, start + 3, None])))] if draw(st.booleans()) else []
        intervals.append(Interval(number % 2 + 1, start, end, pauses, variables))
    return draw(st.sampled_from([None, DeviceMapping(device="vibration:a", physical_uid=1, intervals=intervals)]))


@st.composite
def told(draw: st.DrawFn) -> list[tuple[str, str, list[tuple[int, float]]]]:
    """Name, unit and (time, value) of some runs of samples."""
    run = st.tuples(
        st.sampled_from(["x", "y", "bad\n"]), st.sampled_from(["", "g", "bad\n"]), st.lists(st.tuples(moments, numbers), max_size=8)
    )  # fmt: skip
    return draw(st.lists(run, max_size=4))


RULES = st.lists(
    st.builds(
        Rule, id=st.sampled_from("ab"), measurement=st.sampled_from(["x", "y"]), target=st.sampled_from([None, "y", "z"]),
        unit=st.sampled_from([None, "V"]), scale=st.sampled_from([1.0, 2.5, 1e308]), offset=st.sampled_from([0.0, -1.5]),
        drop=st.sampled_from([False, False, True]),
    ),
    max_size=2,
)  # fmt: skip


def samples(name: str, unit: str, run: list[tuple[int, float]]) -> Samples:
    return Samples(
        name=name, unit=unit, times=np.array([t for t, _ in run], "<i8").tobytes(),
        values=np.array([v for _, v in run], "<f8").tobytes(),
    )  # fmt: skip


def scope(mapping: DeviceMapping | None = None, rules: list[Rule] | None = None) -> Scope:
    return Scope("vibration", SENDER, 4, Rules(rules or []), mapping, T + 10)


def single_points(found: Normalised) -> set[Measurement]:
    return {*found.measurements, *(point for block in found.blocks for point in points(block))}


def rejected(found: Normalised) -> Counter[str]:
    """Reason -> number of values."""
    counts: Counter[str] = Counter()
    for one in found.rejected:
        counts[one.reason] += int(one.detail.split()[0])
    return counts


@settings(max_examples=300, deadline=None)
@given(told(), mappings(), RULES)
def test_columns_give_what_values_one_by_one_give(
    runs: list[tuple[str, str, list[tuple[int, float]]]], mapping: DeviceMapping | None, rules: list[Rule]
) -> None:
    given_scope = scope(mapping, rules)
    singly = normalise([Value(n, v, t, u) for n, u, run in runs for t, v in run], given_scope)
    whole = normalise([], given_scope, [samples(*run) for run in runs])

    assert single_points(whole) == single_points(singly)
    assert len(single_points(whole)) == sum(len(points(block)) for block in whole.blocks)
    assert Counter(whole.ignored) == Counter(singly.ignored)
    assert rejected(whole) == rejected(singly)
    assert all(fault(block) is None for block in whole.blocks)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(-25, 25), st.floats(), min_size=1, max_size=12), mappings())
def test_a_block_is_presented_as_its_points_are(run: dict[int, float], mapping: DeviceMapping | None) -> None:
    finite = {T + t: v for t, v in sorted(run.items()) if np.isfinite(v)} or {T: 1.0}
    (block,) = normalise([], replace(scope(), latest=T + 100), [samples("x", "g", list(finite.items()))]).blocks
    shown = {p for b in present_block(block, mapping) for p in points(b)}

    assert shown == {found for point in points(block) if (found := present(point, mapping)) is not None}


@given(mappings())
def test_a_block_is_cut_where_the_mapping_changes_and_keeps_its_reading_id(mapping: DeviceMapping | None) -> None:
    run = [(T + t, float(t)) for t in range(-20, 11)]
    cut = normalise([], scope(mapping), [samples("x", "g", run)]).blocks
    whole = normalise([], scope(), [samples("x", "g", run)]).blocks

    for block in cut:
        for time in times(block).tolist():
            at = interval_at(mapping, time) if mapping else None
            assert block.logical_uid == (at.logical_uid if at else None)
    assert content_id("d", [], cut) == content_id("d", [], whole)


def test_equal_steps_become_a_period_and_others_offsets() -> None:
    even, odd = (
        normalise([], scope(), [samples("x", "", [(T, 1.0), (T + 4, 2.0), (T + 8, 3.0)])]).blocks,
        normalise([], scope(), [samples("x", "", [(T, 1.0), (T + 4, 2.0), (T + 9, 3.0)])]).blocks,
    )

    assert [(b.start, b.period, b.offsets) for b in even] == [(T, 4, b"")]
    assert [(b.start, np.frombuffer(b.offsets, "<i8").tolist()) for b in odd] == [(T, [0, 4, 9])]


def test_the_id_tells_times_and_values_apart() -> None:
    def identity(**changed: Any) -> str:
        block = Block(name="x", unit="", start=T, period=4, values=np.array([1.0, 2.0]).tobytes())
        return content_id("d", [], [replace(block, **changed)])

    ids = {identity(), identity(period=5), identity(start=T + 1), identity(values=bytes(16)), identity(name="y")}
    assert len(ids) == 5
    assert identity(offsets=np.array([0, 4]).tobytes(), period=0) == identity()


def test_a_sample_counts_where_a_value_has_its_name_and_time() -> None:
    found = normalise([Value("x", 5, T), Value("x", 6, T + 1)], scope(), [samples("x", "", [(T, 1.0), (T + 2, 2.0)])])

    assert [(m.time, m.value) for m in found.measurements] == [(T + 1, 6.0)]
    assert values(found.blocks[0]).tolist() == [1.0, 2.0]
    assert found.ignored == ["duplicate"]


def test_too_many_samples_are_rejected_as_a_whole() -> None:
    bound = bytes(8 * (SAMPLE_LIMIT + 1))
    found = normalise([], scope(), [Samples(name="x", times=bound, values=bound)])

    assert [(r.reason, r.detail, r.device) for r in found.rejected] == [
        ("too-many-values", "more than 500000 samples", "vibration:a")
    ]
    assert (found.blocks, found.measurements) == ([], [])
