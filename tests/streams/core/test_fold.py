"""Windows of a partition: what a touched window did, written out."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.block import made
from streams.core.coverage import BEGINNING, Known
from streams.core.fold import Unfoldable, Windows
from streams.core.records import Aggregate, Block, Measurement, Reading, Repair
from streams.core.times import SECOND
from streams.core.window import Rule

RULE = Rule.of_seconds((60, 300), hold=180, ahead=3660)
NOON = 1_800_000_000 * SECOND


def reading(
    *measurements: tuple[str, int, float | None], offset: int = 0, generation: int = 1, blocks: tuple[Block, ...] = ()
) -> Reading:
    return Reading(
        id="", device="ttn:1", source="ttn", correlation_id="", received_at=NOON, time=NOON, raw_partition=0,
        raw_offset=offset, index=0, generation=generation, decoder="", codec=None, mapping_position=-1,
        physical_uid=None, source_ids={}, blocks=list(blocks),
        measurements=[
            Measurement(name, "°C", NOON + second * SECOND, value, None if value is not None else "on")
            for name, second, value in measurements
        ],
    )  # fmt: skip


def windows(covered_from: int = BEGINNING) -> Windows:
    return Windows(RULE, covered_from)


def emitted(held: Windows, opened: int = BEGINNING, newest: int = 9) -> dict[tuple[str, int, int], Aggregate | Repair]:
    return {(r.name, r.window, (r.start - NOON) // SECOND): r for r in held.emit(Known(newest, opened))}


def kinds(held: Windows, opened: int = BEGINNING) -> dict[tuple[str, int, int], str]:
    return {key: type(record).__name__ for key, record in emitted(held, opened).items()}


def test_it_aggregates_each_base_window_of_a_series() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0), ("t", 70, 5.0), ("u", 10, 1.0)), 41, NOON)
    held.fold(reading(("t", 20, 4.0), offset=1), 42, NOON)
    found = emitted(held)
    assert set(found) == {("t", 60, 0), ("t", 60, 60), ("t", 300, 0), ("u", 60, 0), ("u", 300, 0)}
    assert found["t", 60, 0] == Aggregate(
        device="ttn:1", name="t", unit="°C", window=60, start=NOON, label=42, generation=1, covered=True,
        count=2, sum=7.0, min=3.0, max=4.0, first=3.0, last=4.0, median=3.5,
    )  # fmt: skip
    assert found["t", 300, 0].label == 42
    assert found["t", 60, 60].label == 41


def test_it_leaves_windows_of_a_generation_it_has_not_heard_of_to_the_store() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0), generation=1), 41, NOON)
    held.fold(reading(("t", 70, 5.0), generation=2), 42, NOON)
    found = emitted(held, newest=1)
    assert isinstance(found["t", 60, 0], Aggregate)
    assert isinstance(found["t", 60, 60], Repair)
    assert isinstance(found["t", 300, 0], Repair)


def test_it_says_nothing_of_a_duplicate() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0)), 1, NOON)
    assert len(emitted(held)) == 2
    held.fold(reading(("t", 10, 3.0)), 2, NOON)
    assert emitted(held) == {}


def test_it_leaves_a_window_before_the_line_to_the_store() -> None:
    held = windows(covered_from=NOON - 3660 * SECOND)
    held.fold(reading(("t", 10, 3.0), ("t", 70, 5.0), ("t", 310, 6.0)), 7, NOON)
    assert kinds(held) == {
        ("t", 60, 0): "Repair", ("t", 60, 60): "Aggregate", ("t", 300, 0): "Repair",
        ("t", 60, 300): "Aggregate", ("t", 300, 300): "Aggregate",
    }  # fmt: skip


def test_it_leaves_windows_that_a_replay_may_change_to_the_store() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0), ("t", 310, 3.0)), 7, NOON)
    assert set(kinds(held, opened=NOON - 3600 * SECOND).items()) == {
        (("t", 60, 0), "Repair"), (("t", 300, 0), "Repair"), (("t", 60, 300), "Aggregate"), (("t", 300, 300), "Aggregate"),
    }  # fmt: skip


def test_it_repairs_what_comes_after_its_span_was_closed() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0)), 1, NOON)
    held.fold(reading(("t", 490, 3.0), offset=1), 2, NOON + 480 * SECOND)
    assert len(emitted(held)) == 4
    held.close_past()
    held.fold(reading(("t", 20, 3.0), offset=2, generation=4), 3, NOON + 480 * SECOND)
    assert list(emitted(held).values()) == [
        Repair(device="ttn:1", name="t", unit="°C", window=w, start=NOON, label=3, generation=4) for w in (60, 300)
    ]
    assert held.open == 1


def test_it_repairs_what_was_touched_and_closed_before_it_was_sent() -> None:
    held = windows()
    held.fold(reading(("t", 10, 3.0)), 1, NOON)
    held.close(NOON + 300 * SECOND)
    assert set(kinds(held).values()) == {"Repair"}


def test_it_gives_up_a_span_whose_point_is_too_far_ahead() -> None:
    held = windows()
    held.fold(reading(("t", 3661, 3.0), ("u", 3661, 3.0)), 1, NOON + SECOND)
    held.fold(reading(("t", 3662, 3.0), offset=1), 2, NOON + SECOND)
    assert {key[0]: kind for key, kind in kinds(held).items()} == {"t": "Repair", "u": "Aggregate"}
    held.fold(reading(("t", 3650, 3.0), offset=2), 3, NOON + 100 * SECOND)
    assert set(kinds(held).values()) == {"Repair"}


def test_it_merges_what_came_before_and_is_covered_from_there() -> None:
    held, earlier = windows(covered_from=NOON), windows()
    earlier.fold(reading(("t", 10, 3.0), ("u", 10, 9.0)), 1, NOON)
    held.fold(reading(("t", 20, 5.0), offset=1), 2, NOON)
    assert set(kinds(held).values()) == {"Repair"}
    held.merge(earlier)
    held.fold(reading(("t", 30, 7.0), offset=2), 3, NOON)
    found = emitted(held)["t", 60, 0]
    assert isinstance(found, Aggregate)
    assert (found.count, found.sum, found.label) == (3, 15.0, 3)


def test_it_closes_on_merging_what_either_had_closed() -> None:
    held, earlier = windows(covered_from=NOON), windows()
    held.fold(reading(("t", 10, 3.0)), 1, NOON)
    earlier.close(NOON + 300 * SECOND)
    held.merge(earlier)
    assert set(kinds(held).values()) == {"Repair"}
    assert held.open == 0


def test_it_sends_nothing_for_texts_unless_one_hides_a_number() -> None:
    held = windows()
    held.fold(reading(("t", 10, None)), 1, NOON)
    assert emitted(held) == {}
    held.fold(reading(("t", 20, 2.0), offset=1), 2, NOON)
    assert set(kinds(held).values()) == {"Aggregate"}
    held.fold(reading(("t", 20, None), offset=2), 3, NOON)
    assert set(kinds(held).values()) == {"Repair"}


def test_it_splits_a_block_at_the_ends_of_windows() -> None:
    values = struct.pack("<8d", *range(8))
    block = Block(name="v", unit="g", start=NOON + 290 * SECOND, period=4 * SECOND, values=values)
    held = windows()
    held.fold(reading(blocks=(block,)), 5, NOON)
    found = {key: (r.count, r.sum) for key, r in emitted(held).items() if isinstance(r, Aggregate)}
    assert found == {
        ("v", 60, 240): (3, 3.0), ("v", 300, 0): (3, 3.0), ("v", 60, 300): (5, 25.0), ("v", 300, 300): (5, 25.0),
    }  # fmt: skip


def test_it_leaves_a_very_fast_sensor_to_the_store() -> None:
    block = Block(name="v", unit="g", start=NOON, period=1000, values=bytes(8 * 60_000))
    later = Block(name="v", unit="g", start=NOON + SECOND, period=1000, values=bytes(8 * 60_000))
    held = windows()
    held.fold(reading(blocks=(block,)), 5, NOON)
    assert set(kinds(held).values()) == {"Aggregate"}
    held.fold(reading(blocks=(later,), offset=1), 6, NOON)
    assert set(kinds(held).values()) == {"Repair"}
    assert held.weight == 700


@pytest.mark.parametrize(
    "broken",
    [
        reading(offset=2**38),
        reading(generation=2**18),
        reading(blocks=(Block(name="v", unit="", start=0, period=1, values=b"odd"),)),
        reading(blocks=(Block(name="v", unit="", start=0, period=0, values=bytes(16)),)),
        reading(blocks=(Block(name="v", unit="", start=2**63 - 9, period=8, values=bytes(16)),)),
    ],
)
def test_it_refuses_an_impossible_reading_as_a_whole(broken: Reading) -> None:
    held = windows()
    with pytest.raises(Unfoldable):
        held.fold(broken, 1, NOON)
    assert held.open == 0


steps = st.lists(st.integers(-400, 3700), min_size=1, max_size=8, unique=True).map(sorted)
runs = st.lists(st.tuples(steps, st.floats(-9, 9) | st.just(float("nan"))), min_size=1, max_size=4)


@settings(deadline=None)
@given(runs, st.data())
def test_a_block_is_folded_as_its_measurements_one_by_one(
    told: list[tuple[list[int], float]], data: st.DataObject
) -> None:
    whole, single = windows(), windows()
    for offset, (seconds, value) in enumerate(told):
        times = np.array([NOON + second * SECOND for second in seconds])
        values = np.array([value + second for second in seconds])
        block = made(times, values, name="t", unit="°C", quality=0, logical_uid=None)
        finite = [(second, v) for second, v in zip(seconds, values.tolist(), strict=True) if np.isfinite(v)]
        log_time = NOON + data.draw(st.integers(0, 600)) * SECOND
        whole.fold(reading(blocks=(block,), offset=offset), offset, log_time)
        single.fold(reading(*(("t", second, v) for second, v in finite), offset=offset), offset, log_time)
        if data.draw(st.booleans()):
            whole.close(NOON + 300 * SECOND)
            single.close(NOON + 300 * SECOND)
        assert emitted(whole) == emitted(single)


def test_a_block_may_leap_over_centuries() -> None:
    block = made(np.array([NOON, 2 * NOON]), np.array([1.0, 2.0]), name="v", unit="g", quality=0, logical_uid=None)
    held = windows()
    held.fold(reading(blocks=(block,)), 5, NOON)
    assert held.open == 2
