from collections import Counter
from math import inf

import numpy as np
import pytest
from msgspec.structs import replace

from connectors.verify.compare import compare
from connectors.verify.expected import Contents, Fold, Name, Newest, Point, add_reading, derive, fold
from streams.core.block import made
from streams.core.identity import row_version, series_id
from streams.core.records import Measurement, Reading
from streams.core.times import SECOND

S = series_id("ttn:a", "t")


def reading(offset: int, *measurements: Measurement, generation: int = 1) -> Reading:
    return Reading(
        id="", device="ttn:a", source="ttn", correlation_id="", received_at=0, time=0, raw_partition=0, raw_offset=offset,
        index=0, generation=generation, decoder="ttn@1", codec=None, mapping_position=-1, physical_uid=None, source_ids={},
        measurements=list(measurements),
    )  # fmt: skip


def test_the_higher_generation_wins_whatever_the_order() -> None:
    contents = Contents()
    add_reading(contents, reading(5, Measurement("t", "", 1, 2.0, None), generation=2))
    add_reading(contents, reading(9, Measurement("t", "", 1, 1.0, None), generation=1))

    assert contents.points[S, 1].value == 2.0


def test_it_folds_a_window_of_four_points() -> None:
    points = {
        (S, t * SECOND): Point(v, None, None, 0) for t, v in ((61, 4.0), (70, 1.0), (80, 3.0), (119, 2.0), (120, 99.0))
    }

    assert fold(points, (60,))[S, 60, 60 * SECOND] == Fold(4, 10.0, 1.0, 4.0, 4.0, 2.0, 2.5)


def test_what_is_beyond_the_largest_double_ends_no_check() -> None:
    """One sender with two such numbers in a window, and nobody could verify anything."""
    points = {(S, t * SECOND): Point(1.7e308, None, None, 0) for t in (60, 61)}

    assert fold(points, (60,))[S, 60, 60 * SECOND] == Fold(2, inf, 1.7e308, 1.7e308, 1.7e308, 1.7e308, 1.7e308)


SMALL = Fold(2, 3e-10, 1e-10, 2e-10, 1e-10, 2e-10, 1.5e-10)


@pytest.mark.parametrize("field", ["sum", "min", "max", "first", "last", "median"])
def test_small_numbers_are_compared_as_exactly_as_others(field: str) -> None:
    found = Contents(aggregates={(1, 60, 0): replace(SMALL, **{field: 4e-10})})

    assert [d.wrong for d in compare(Contents(aggregates={(1, 60, 0): SMALL}), found)] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(("found", "wrong"), [(1e-5, 0), (1e-3, 1)])
def test_a_sum_of_large_numbers_that_cancel_out_has_the_room_of_its_rounding(found: float, wrong: int) -> None:
    waves = Fold(1_000_000, 0.0, -1e5, 1e5, 1e5, -1e5, 0.0)
    other = Contents(aggregates={(1, 60, 0): replace(waves, sum=found)})

    assert compare(Contents(aggregates={(1, 60, 0): waves}), other)[2].wrong == wrong


def test_texts_are_not_folded() -> None:
    assert fold({(S, 1): Point(None, "ok", None, 0)}, (60,)) == {}


def test_it_names_missing_extra_and_wrong() -> None:
    expected = Contents(points={(1, 1): Point(1.0, None, 7, 0), (1, 2): Point(1.0, None, 7, 0)}, dead_letters=Counter())
    found = Contents(points={(1, 1): Point(1.0, None, 8, 0), (1, 3): Point(1.0, None, 7, 0)}, dead_letters=Counter())

    points = compare(expected, found)[0]

    assert (points.missing, points.extra, points.wrong, points.equal) == (1, 1, 1, False)
    assert "missing (1, 2)" in points.examples[0]


def test_the_newest_point_of_a_series_is_its_latest() -> None:
    contents = Contents()
    add_reading(contents, reading(0, Measurement("t", "", 30, 1.0, None), Measurement("t", "", 20, 2.0, None)))
    derive(contents, (60,))

    assert contents.latest == {S: Newest(30, Point(1.0, None, None, row_version(1, 0, 0)))}
    assert all(difference.equal for difference in compare(contents, contents))


def test_a_block_is_expected_point_by_point() -> None:
    block = made(np.array([10, 14, 19]), np.array([1.0, 2.0, 3.0]), name="t", unit="", quality=2, logical_uid=7)
    whole, single = Contents(), Contents()
    add_reading(whole, replace(reading(5), blocks=[block]))
    add_reading(
        single, reading(5, *(Measurement("t", "", t, v, None, 2, 7) for t, v in ((10, 1.0), (14, 2.0), (19, 3.0))))
    )

    assert whole.points == single.points
    assert [point.quality for point in whole.points.values()] == [2, 2, 2]


def test_a_quality_bit_is_compared_like_the_rest() -> None:
    good, implausible = Contents(), Contents()
    add_reading(good, reading(0, Measurement("t", "", 30, 1.0, None)))
    add_reading(implausible, reading(0, Measurement("t", "", 30, 1.0, None, 2)))

    assert compare(good, implausible)[0].wrong == 1


def test_each_series_has_its_name_in_the_comparison() -> None:
    contents = Contents()
    add_reading(contents, reading(0, Measurement("t", "", 30, 1.0, None)))
    (*others, series) = compare(contents, replace(contents, names={}))

    assert contents.names == {S: Name("ttn:a", "t")}
    assert all(other.equal for other in others)
    assert (series.table, series.missing, series.examples) == (
        "series", 1, (f"missing {S}: Name(device='ttn:a', name='t')",),
    )  # fmt: skip
