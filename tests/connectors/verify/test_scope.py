"""A part of the comparison is the comparison of a part; what is newer than the check is on neither side."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.verify.expected import Contents, Fold, Newest, Point, add_dead_letter, add_reading, derive
from connectors.verify.live import newer_points, older_letters, without
from connectors.verify.scope import WHOLE, Scope
from streams.core.identity import row_version, series_id
from streams.core.records import DeadLetter, Measurement
from streams.core.times import SECOND
from tests.connectors.sinks.making import reading

A, B = series_id("json:a", "t"), series_id("json:b", "t")
FOLD = Fold(1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def contents(scope: Scope, times: list[int], device: str = "json:a") -> Contents:
    made = Contents()
    for offset, time in enumerate(times):
        add_reading(made, reading(Measurement("t", "C", time, 1.0, None), device=device, offset=offset), scope)
    derive(made, (60,), scope)
    return made


def letter(at: int, device: str | None = "json:a", stage: str = "codec") -> DeadLetter:
    return DeadLetter(stage=stage, reason="r", detail="", raw_partition=0, raw_offset=1, device=device, at=at)


@given(st.lists(st.integers(0, 600 * SECOND), min_size=1), st.integers(0, 600), st.integers(0, 600))
def test_a_range_holds_its_points_and_the_windows_that_lie_in_it_as_the_whole_has_them(
    times: list[int], start: int, length: int
) -> None:
    scope = Scope(start * SECOND, (start + length) * SECOND)
    whole, part = contents(WHOLE, times), contents(scope, times)

    assert part.points == {k: p for k, p in whole.points.items() if start * SECOND <= k[1] < (start + length) * SECOND}
    assert part.aggregates == {
        k: f
        for k, f in whole.aggregates.items()
        if start * SECOND <= k[2] and k[2] + 60 * SECOND <= (start + length) * SECOND
    }


def test_what_is_newest_is_known_when_the_range_has_no_end() -> None:
    assert contents(Scope(start=20), [10, 30]).latest == {A: Newest(30, Point(1.0, None, None, row_version(1, 0, 1)))}
    assert contents(Scope(start=40), [10, 30]).latest == {}
    assert contents(Scope(end=20), [10, 30]).latest == {}


def test_only_the_devices_points_and_letters() -> None:
    only, made = Scope(device="json:a"), Contents()
    for told in (letter(1), letter(2, None), letter(3, "json:b")):
        add_dead_letter(made, told, only)

    assert contents(only, [5], "json:b").points == {}
    assert [only.takes_letter(told) for told in (letter(1), letter(2, None), letter(3, "json:b"))] == [
        True,
        False,
        False,
    ]
    assert len(made.dead_letters) == 1


def test_letters_by_receipt_and_unreadable_bytes_only_in_the_whole() -> None:
    taken = [Scope(10, 20).takes_letter(letter(at)) for at in (9, 10, 19, 20)]

    assert taken == [False, True, True, False]
    assert not Scope(0, 20).takes_letter(letter(10, stage="avro"))
    assert WHOLE.takes_letter(letter(0, None, "avro"))


def test_the_whole_asks_the_store_for_everything_and_a_part_for_the_part() -> None:
    assert WHOLE.conditions("ts", "d = {device:String}", "stage != 'avro'") == ("1", {})
    assert Scope(5, None, "json:a").conditions("ts", "d = {device:String}", "stage != 'avro'") == (
        "ts >= fromUnixTimestamp64Nano({start:Int64}) AND d = {device:String} AND stage != 'avro'",
        {"start": 5, "device": "json:a"},
    )


def test_points_of_later_records_take_what_is_made_of_them_along() -> None:
    old, new = Point(1.0, None, None, row_version(1, 0, 9)), Point(2.0, None, None, row_version(1, 0, 10))
    found = Contents(
        points={(A, 61 * SECOND): old, (A, 62 * SECOND): new, (B, 62 * SECOND): old},
        aggregates={(A, 60, 0): FOLD, (A, 60, 60 * SECOND): FOLD, (B, 60, 60 * SECOND): FOLD},
        latest={A: Newest(62 * SECOND, new), B: Newest(62 * SECOND, old)},
    )
    newer = newer_points(found, {0: 10, 1: 0}, {0: 12, 1: 0})
    kept = without(found, newer, (60,))

    assert newer == {(A, 62 * SECOND)}
    assert kept.points == {(A, 61 * SECOND): old, (B, 62 * SECOND): old}
    assert set(kept.aggregates) == {(A, 60, 0), (B, 60, 60 * SECOND)}
    assert kept.latest == {B: Newest(62 * SECOND, old)}


def test_letters_of_later_records_are_newer_and_those_of_no_record_never() -> None:
    letters = Counter({("codec", "r", 0, offset, 0): 1 for offset in (9, 10, 11, 12)} | {("door", "r", -1, -1, 0): 1})

    assert [key[3] for key in older_letters(letters, {0: 10}, {0: 12})] == [9, 12, -1]


def test_a_value_that_changed_is_judged_by_the_record_it_comes_from() -> None:
    found = Contents(points={(A, 1): Point(1.0, None, None, row_version(3, 0, 9))})

    later = replace(found, points={(A, 1): Point(1.0, None, None, row_version(1, 0, 11))})

    assert newer_points(found, {0: 10}, {0: 12}) == set()
    assert newer_points(later, {0: 10}, {0: 12}) == {(A, 1)}
