"""A budget that is never exceeded, and a brake that does not flutter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.replay.throttle import BURST_S, Brake, Bucket

DECODE, SINK = ("decode", "raw"), ("sink-clickhouse", "readings")


@given(
    rate=st.integers(1, 10_000),
    takes=st.lists(st.tuples(st.integers(1, 5_000), st.floats(0, 10)), min_size=1, max_size=20),
)
def test_lets_no_more_through_than_its_rate_and_one_burst(rate: int, takes: list[tuple[int, float]]) -> None:
    bucket, now, taken = Bucket(rate), 100.0, 0
    for count, idle in takes:
        taken += count
        now += bucket.wait(count, now)
        assert taken <= rate * (now - 100.0 + BURST_S) * 1.000001 + 1e-6
        now += idle


def test_asks_to_wait_until_what_was_taken_is_paid() -> None:
    bucket = Bucket(1_000)

    assert bucket.wait(1_000, 0.0) == 0.0
    assert bucket.wait(2_000, 0.0) == 2.0
    assert bucket.wait(500, 2.0) == 0.5


def test_keeps_no_more_than_a_second_of_unused_budget() -> None:
    bucket = Bucket(1_000)
    bucket.wait(1_000, 0.0)

    assert bucket.wait(3_000, 3_600.0) == 2.0


def test_knows_no_limit_at_rate_zero() -> None:
    assert Bucket(0).wait(10**9, 0.0) == 0.0


def test_pauses_above_one_lag_and_goes_on_at_a_lower_one() -> None:
    brake = Brake(50_000, 10_000, 5.0)
    reasons = [brake.paused({DECODE: lag, SINK: 0}, 0.0) for lag in (50_000, 61_204, 30_000, 10_000, 30_000)]

    assert reasons == [
        "", "live lag of decode is 61,204 records", "live lag of decode is 30,000 records", "", "",
    ]  # fmt: skip


def test_names_the_group_that_lags_most() -> None:
    brake = Brake(50_000, 10_000, 5.0)

    assert brake.paused({DECODE: 60_000, SINK: 70_000}, 0.0) == "live lag of sink-clickhouse is 70,000 records"
    assert brake.paused({DECODE: 0, SINK: 20_000}, 0.0) == "live lag of sink-clickhouse is 20,000 records"


def test_pauses_for_a_slow_insert_until_one_takes_half_the_limit() -> None:
    brake = Brake(50_000, 10_000, 5.0)
    reasons = [brake.paused({}, seconds) for seconds in (5.0, 5.1, 3.0, 2.5, 3.0)]

    assert reasons == ["", "an insert into the store took 5.1 s", "an insert into the store took 3.0 s", "", ""]


@given(st.lists(st.integers(0, 100)))
def test_changes_its_mind_only_after_both_bounds_were_crossed(lags: list[int]) -> None:
    brake, paused = Brake(60, 40, 5.0), False
    for lag in lags:
        paused = lag > 40 if paused else lag > 60
        assert bool(brake.paused({DECODE: lag}, 0.0)) == paused


@pytest.mark.parametrize("insert_s", [0.0, 4.9])
def test_lets_go_when_nothing_is_wrong(insert_s: float) -> None:
    assert Brake(1, 0, 5.0).paused({}, insert_s) == ""
