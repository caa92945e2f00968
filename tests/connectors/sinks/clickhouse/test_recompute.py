"""How keys are parted among statements."""

import re
from itertools import pairwise
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.clickhouse import recompute
from streams.core.times import DAY, EARLIEST, LATEST, SECOND

FEW = 5
HOUR_S = 3600
LENGTHS = st.sampled_from((60, 7000, HOUR_S, 86_400, 200_000))
NEAR = st.integers(1_793_620_800 * SECOND, 1_793_620_800 * SECOND + 3 * DAY)
TIMES = NEAR | st.integers(EARLIEST, LATEST - 1)
KEYS = st.dictionaries(st.tuples(st.integers(0, 3), TIMES), st.integers(0, 9), max_size=40)


def parted(statement: str) -> tuple[list[tuple[int, ...]], int, int]:
    """The keys of a statement, and the ns from which on and until which it reads."""
    found = re.search(r"CAST\(\[(.*?)\], 'Array", statement)
    assert found
    keys = [tuple(map(int, key.split(", "))) for key in re.findall(r"\(([\d, -]+)\)", found[1])]
    since, until = re.findall(r"toInt64\((\d+)\)", statement)[:2]
    return keys, int(since), int(until)


@given(KEYS, LENGTHS)
def test_each_window_is_in_one_statement_that_reads_a_day_or_a_window(
    keys: dict[tuple[int, int], int], length: int
) -> None:
    labels = {(series, ts // (length * SECOND)): label for (series, ts), label in keys.items()}
    with patch.object(recompute, "PORTION", FEW):
        parts = [parted(statement) for statement in recompute.windows(length, labels)]

    assert [key for part, _, _ in parts for key in part] == sorted(
        ((series, slot, label) for (series, slot), label in labels.items()), key=lambda key: (key[1], key[0])
    )
    for part, since, until in parts:
        assert len(part) <= FEW
        assert until - since <= max(DAY, length * SECOND)
        assert (since, until) == (part[0][1] * length * SECOND, (part[-1][1] + 1) * length * SECOND)


@given(st.dictionaries(st.integers(0, 60), TIMES, max_size=40))
def test_each_latest_point_is_in_one_statement_that_reads_a_day(newest: dict[int, int]) -> None:
    with patch.object(recompute, "PORTION", FEW):
        parts = [parted(statement) for statement in recompute.latest(newest)]

    assert [key for part, _, _ in parts for key in part] == sorted(newest.items(), key=lambda key: (key[1], key[0]))
    assert all(len(part) <= FEW and until - since < DAY for part, since, until in parts)
    assert all((since, until) == (part[0][1], part[-1][1]) for part, since, until in parts)


@given(st.dictionaries(st.integers(0, 60), TIMES, max_size=40))
def test_a_statement_ends_only_where_it_is_full_or_the_next_key_is_far(newest: dict[int, int]) -> None:
    with patch.object(recompute, "PORTION", FEW):
        parts = [parted(statement) for statement in recompute.latest(newest)]

    assert all(len(part) == FEW or after - since >= DAY for (part, since, _), (_, after, _) in pairwise(parts))


def test_series_of_two_hours_and_a_clock_that_says_2000_are_few_statements() -> None:
    hour = 1_793_620_800 // HOUR_S
    live = {(series, hour + late): 7 for series in range(1999) for late in (0, 1)}

    assert len(list(recompute.windows(HOUR_S, live))) == 2
    assert len(list(recompute.windows(HOUR_S, live | {(1999, 946_684_800 // HOUR_S): 7}))) == 3
