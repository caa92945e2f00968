"""Aggregates, repairs, rollups and latest points, against what plain Python makes of the same points."""

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from math import inf
from statistics import median
from typing import Any

import pytest

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse import rollups
from connectors.sinks.clickhouse.sink import ENDS
from connectors.sinks.clickhouse.store import Store
from streams.core.identity import row_version, series_id
from streams.core.times import SECOND
from tests.stack.harness import Stack
from tests.stack.store import DEVICE, NOON, SERIES, Bench, aggregate, measured, reading, records, repair

HOUR, DAY = 3600, 86_400
S = NOON // SECOND


@pytest.fixture(scope="module")
def tables(stack: Stack) -> Iterator[Bench]:
    made = Bench(stack.clickhouse)
    yield made
    made.close()


@pytest.fixture
def bench(tables: Bench) -> Bench:
    return tables.emptied()


def folded(points: dict[int, float], window: int) -> list[tuple[Any, ...]]:
    """What ``Bench.aggregates`` must show of {ns: value}, label left out."""
    groups: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for time in sorted(points):
        groups[time // SECOND // window * window].append((time, points[time]))
    rows = []
    for start, group in sorted(groups.items()):
        values = [value for _, value in group]
        rows.append((start, len(values), sum(values), min(values), max(values), values[0], values[-1], median(values)))
    return rows


def test_the_highest_generation_and_label_of_an_aggregate_stands(bench: Bench) -> None:
    bench.sink.write(records(aggregate(2.0, label=8), aggregate(1.0, label=7), aggregate(9.0, label=9, generation=0)))

    assert bench.aggregates(60) == [(S, 1, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 8)]


def test_a_repair_waits_for_the_readings_up_to_its_label(bench: Bench) -> None:
    early, late = reading(measured(1.0)), reading(measured(4.0, NOON + SECOND), offset=1)
    bench.sink.assigned({("readings", 0): 0, ("aggregates", 0): 0})
    bench.sink.write([*records(repair(label=11), first=3), *records(early, first=10)])
    bench.settle()
    before, held = bench.aggregates(60), bench.sink.hold("aggregates", 0)
    bench.sink.write(records(late, first=11))
    bench.settle()

    assert (before, held) == ([], 3)
    assert bench.aggregates(60) == [(S, 2, 5.0, 1.0, 4.0, 1.0, 4.0, 2.5, 11)]
    assert bench.sink.hold("aggregates", 0) is None


def test_a_repair_is_done_when_its_readings_were_inserted_before_the_start(bench: Bench) -> None:
    bench.sink.write(records(reading(measured(1.0)), first=10))
    bench.sink.revoked([("readings", 0), ("aggregates", 0)])
    bench.sink.assigned({("readings", 0): 11, ("aggregates", 0): 0})

    bench.sink.write(records(repair(label=10)))
    bench.settle()

    assert bench.aggregates(60) == [(S, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10)]


def test_an_aggregate_that_does_not_cover_its_window_is_a_repair(bench: Bench) -> None:
    bench.sink.write([*records(reading(measured(1.0))), *records(aggregate(5.0, label=0, covered=False))])
    bench.settle()

    assert [row[2] for row in bench.aggregates(60)] == [1.0]


def test_a_later_aggregate_replaces_a_repaired_one_and_an_earlier_one_does_not(bench: Bench) -> None:
    bench.sink.write([*records(reading(measured(1.0)), first=5), *records(repair(label=5))])
    bench.settle()
    bench.sink.write(records(aggregate(7.0, label=4), first=1))
    earlier = bench.aggregates(60)
    bench.sink.write(records(aggregate(8.0, label=6), first=2))

    assert [row[2] for row in earlier] == [1.0]
    assert [row[2] for row in bench.aggregates(60)] == [8.0]


def test_repaired_windows_and_rollups_are_exact_under_disorder_duplicates_and_corrections(bench: Bench) -> None:
    rng = random.Random(7)
    truth: dict[int, float] = {}
    made = []
    for offset in range(400):
        time = NOON + rng.randrange(0, 26 * HOUR * 10) * SECOND // 10
        value = round(rng.uniform(-50, 50), 2)
        truth[time] = value
        made.append(reading(measured(value, time), offset=offset))
    rng.shuffle(made)
    starts = {time // (60 * SECOND) * 60 * SECOND for time in truth}
    for at in range(0, 400, 100):
        part = made[at : at + 100]
        bench.sink.write(records(*part, *part[:30], first=at * 2))
        bench.settle()
    bench.sink.write(records(*(repair(label=700, start=start) for start in starts)))
    bench.settle()

    for window in (60, HOUR, DAY):
        found = bench.aggregates(window)
        assert [row[:8] for row in found] == [
            (*start_count, pytest.approx(total), *rest)
            for *start_count, total, a, b, c, d, e in folded(truth, window)
            for rest in [(a, b, c, d, e)]
        ]


def test_a_window_that_lost_its_last_number_goes(bench: Bench) -> None:
    bench.sink.write([*records(reading(measured(1.0))), *records(repair(label=0))])
    bench.settle()
    bench.store.command(
        f"INSERT INTO points (series_id, ts, version, is_deleted) SELECT series_id, ts, {row_version(2, 0, 0)}, 1 FROM points"
    )
    bench.sink.write([*records(reading(measured(1.0)), first=1), *records(repair(label=1), first=1)])
    bench.settle()

    assert [bench.aggregates(window) for window in (60, HOUR, DAY)] == [[], [], []]


def test_a_text_that_replaces_a_number_takes_it_out_of_the_aggregates(bench: Bench) -> None:
    bench.sink.write(records(reading(measured(1.0), measured(3.0, NOON + 1))))
    bench.settle()
    bench.sink.write(records(reading(measured("error"), offset=1), first=1))
    bench.settle()

    assert [row[1:3] for row in bench.aggregates(HOUR)] == [(1, 3.0)]


def test_text_series_have_no_aggregates(bench: Bench) -> None:
    bench.sink.write(records(reading(measured("on"), measured("off", NOON + 1))))
    bench.settle()

    assert bench.aggregates(HOUR) == []


def test_readings_are_held_until_their_windows_are_rolled_up(bench: Bench) -> None:
    bench.settle()
    bench.sink.write(records(reading(measured(1.0)), first=5))
    bench.sink.write(records(reading(measured(2.0, NOON + 1), offset=1), first=6))
    bench.sink.settle()
    held = bench.sink.hold("readings", 0)
    bench.settle()

    assert (held, bench.sink.hold("readings", 0)) == (5, None)


def test_what_a_store_that_fails_did_not_recompute_is_held_and_done_later(bench: Bench) -> None:
    bench.sink.write([*records(reading(measured(1.0)), first=5), *records(repair(label=5), first=3)])
    bench.store.command("RENAME TABLE latest TO away")
    with pytest.raises(Transient):
        bench.settle()
    held = bench.sink.hold("readings", 0), bench.sink.hold("aggregates", 0)
    bench.store.command("RENAME TABLE away TO latest")
    bench.settle()

    assert held == (5, 3)
    assert [len(bench.aggregates(window)) for window in (60, HOUR, DAY)] == [1, 1, 1]
    assert bench.rows("SELECT ts FROM latest FINAL") == [(NOON,)]


def test_more_series_than_one_statement_holds_are_recomputed(bench: Bench) -> None:
    names = [f"series-{i}" for i in range(4_100)]
    bench.sink.write(records(reading(*(measured(float(i), name=name) for i, name in enumerate(names))), first=1 << 40))
    bench.settle()

    assert bench.rows(
        "SELECT window_s, count(), sum(sum) FROM aggregates FINAL GROUP BY window_s ORDER BY window_s"
    ) == [
        (HOUR, 4_100, sum(range(4_100))),
        (DAY, 4_100, sum(range(4_100))),
    ]
    assert bench.rows("SELECT count() FROM latest FINAL") == [(4_100,)]


def test_a_clock_that_says_2000_is_recomputed_beside_one_that_is_right(bench: Bench) -> None:
    old = 946_684_800 * SECOND
    truth = {time: float(i) for i, time in enumerate((old, old + HOUR * SECOND, NOON, NOON + 1, NOON + DAY * SECOND))}
    bench.sink.write(records(reading(*(measured(value, time) for time, value in truth.items()))))
    bench.settle()

    for window in (HOUR, DAY):
        assert [row[:8] for row in bench.aggregates(window)] == folded(truth, window)
    assert bench.rows("SELECT ts FROM latest FINAL") == [(NOON + DAY * SECOND,)]
    assert bench.sink.hold("readings", 0) is None


def test_a_statement_that_nobody_waits_for_is_ended_by_the_store(bench: Bench) -> None:
    ends = Store(bench.settings.clickhouse, "test", options=ENDS | {"max_execution_time": 1})
    with closing(ends), pytest.raises(Transient, match="TIMEOUT_EXCEEDED"):
        ends.command(
            "INSERT INTO latest (series_id) SELECT number FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
        )


def test_too_many_touched_windows_are_rolled_up_within_the_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "LIMIT", 3)
    bench.settle()
    bench.sink.write(records(reading(*(measured(1.0, NOON + hour * HOUR * SECOND) for hour in range(4)))))

    assert len(bench.aggregates(HOUR)) == 4
    assert bench.sink.hold("readings", 0) is None


def test_latest_is_the_newest_point_whatever_comes_in_which_order(bench: Bench) -> None:
    for offset, time in enumerate((NOON + 5, NOON + 9, NOON + 1)):
        bench.sink.write(
            records(reading(measured(float(offset), time), measured(f"s{offset}", time, name="s"), offset=offset))
        )
        bench.settle()
    bench.sink.write(records(reading(measured(7.5, NOON + 9), offset=4)))
    bench.sink.write(records(reading(measured(0.5, NOON + 9), offset=3)))
    bench.settle()

    assert bench.rows(f"SELECT ts, value, text FROM latest FINAL WHERE series_id = {SERIES}") == [(NOON + 9, 7.5, "")]
    text = series_id(DEVICE, "s")
    assert bench.rows(f"SELECT ts, value, text FROM latest FINAL WHERE series_id = {text}") == [(NOON + 9, None, "s1")]


def test_a_withdrawn_point_that_is_delivered_again_does_not_become_latest(bench: Bench) -> None:
    bench.sink.write(records(reading(measured(1.0))))
    withdrawn = reading(measured(99.0, NOON + 9), offset=1)
    bench.store.command(
        "INSERT INTO points (series_id, ts, version, is_deleted) "
        f"SELECT {SERIES}, fromUnixTimestamp64Nano({NOON + 9}), {row_version(2, 0, 0)}, 1"
    )
    bench.settle()
    bench.sink.write(records(withdrawn, first=1))
    bench.settle()

    assert bench.rows("SELECT ts, value FROM latest FINAL") == [(NOON, 1.0)]


def test_windows_that_are_none_are_rejected(bench: Bench) -> None:
    rejected = bench.sink.write(
        records(aggregate(1.0, label=1, start=NOON + 1), repair(label=1, window=0), repair(label=1 << 46))
    )

    assert [(r.index, r.reason) for r in rejected] == [
        (0, "not-a-window"),
        (1, "not-a-window"),
        (2, "lineage-out-of-range"),
    ]


def test_hours_of_numbers_near_the_largest_double_are_told_as_windows_tell_them(bench: Bench) -> None:
    """The median of one such number was infinite, and the sum of two of them no number at all."""
    seen = []
    for offset in range(2):
        bench.sink.write(records(reading(measured(1.7e308, NOON + offset), offset=offset)))
        bench.settle()
        seen.append([row[1:8] for row in bench.aggregates(3600)])

    big = 1.7e308
    assert seen == [[(1, big, big, big, big, big, big)], [(2, inf, big, big, big, big, big)]]
