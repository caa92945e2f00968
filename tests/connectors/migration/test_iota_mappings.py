"""IoTa's mapping rows become lawful histories that say what IoTa went by."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from connectors.migration.iota_mappings import Mapped, resolve
from streams.core.records import Interval, Pause

MS = 1_000_000


def intervals(*rows: Mapped, seen: dict[int, int | None] | None = None) -> dict[int, list[tuple[int, int, int | None]]]:
    found = resolve(rows, seen or {}).intervals
    return {uid: [(i.logical_uid, i.start, i.end) for i in own] for uid, own in found.items()}


def test_what_is_lawful_stays_and_is_no_repair() -> None:
    found = resolve([Mapped(1, 10, 0, 100), Mapped(1, 11, 100, None), Mapped(2, 10, 100, 200)], {})

    assert found.repairs == []
    assert found.intervals == {
        1: [Interval(10, 0, 100), Interval(11, 100, None)],
        2: [Interval(10, 100, 200)],
    }


def test_an_end_some_milliseconds_late_ends_when_the_new_one_starts() -> None:
    """IoTa ends the logical device's row at `now()`, after the caller chose the new start."""
    found = resolve([Mapped(1, 10, 0, 5_002 * MS), Mapped(2, 10, 5_000 * MS, None)], {})

    assert found.intervals == {1: [Interval(10, 0, 5_000 * MS)], 2: [Interval(10, 5_000 * MS, None)]}
    said = (
        "physical 1 to logical 10, 1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:05.002000+00:00: holds "
        "1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:05+00:00, because a newer mapping took one of the two"
    )
    assert found.repairs == [(1, said)]


def test_of_two_open_rows_the_newest_counts_and_the_older_one_again_after_it() -> None:
    assert intervals(Mapped(1, 10, 0, None), Mapped(1, 11, 50, 80)) == {1: [(10, 0, 50), (11, 50, 80), (10, 80, None)]}
    assert intervals(Mapped(1, 10, 0, None), Mapped(1, 11, 50, None)) == {1: [(10, 0, 50), (11, 50, None)]}
    assert intervals(Mapped(1, 10, 0, None), Mapped(2, 10, 50, None)) == {1: [(10, 0, 50)], 2: [(10, 50, None)]}


def test_of_two_rows_of_one_start_the_open_one_counts_and_the_other_is_reported() -> None:
    found = resolve([Mapped(1, 10, 0, 50), Mapped(1, 11, 0, None)], {})

    assert found.intervals == {1: [Interval(11, 0, None)]}
    assert [uid for uid, said in found.repairs if "never counted" in said] == [1]


def test_a_paused_row_is_paused_from_when_its_place_was_last_seen() -> None:
    rows = [Mapped(1, 10, 100, None, active=False)]

    assert resolve(rows, {10: 150}).intervals == {1: [Interval(10, 100, None, [Pause(151)])]}
    assert resolve(rows, {10: 50}).intervals == {1: [Interval(10, 100, None, [Pause(100)])]}
    assert resolve(rows, {10: None}).intervals == {1: [Interval(10, 100, None, [Pause(100)])]}


def test_a_row_that_has_ended_is_not_paused() -> None:
    assert resolve([Mapped(1, 10, 100, 200, active=False)], {}).intervals == {1: [Interval(10, 100, 200)]}


ROWS = st.lists(
    st.builds(
        lambda box, place, start, length, active: Mapped(box, place, start, None if length is None else start + length, active),
        st.integers(1, 4), st.integers(11, 14), st.integers(0, 30), st.none() | st.integers(1, 20), st.booleans(),
    ),
    max_size=8, unique_by=lambda row: (row.physical_uid, row.logical_uid, row.start),
)  # fmt: skip


def at(rows: dict[int, list[Interval]], moment: int) -> list[tuple[int, int]]:
    held = [(uid, i) for uid, own in rows.items() for i in own]
    return [(uid, i.logical_uid) for uid, i in held if i.start <= moment and (i.end is None or moment < i.end)]


@given(ROWS)
def test_any_rows_become_lawful_and_nothing_is_made_up(rows: list[Mapped]) -> None:
    found = resolve(rows, {}).intervals

    for own in found.values():
        assert [i.start for i in own] == sorted(i.start for i in own)
        assert all(i.end is not None for i in own[:-1]), "only the last one may be open"
        assert all(i.end is None or i.start < i.end for i in own)
    for moment in range(60):
        now = at(found, moment)
        assert len({uid for uid, _ in now}) == len(now) == len({logical for _, logical in now})
        holding = sorted(
            (row for row in rows if row.start <= moment and (row.end is None or moment < row.end)),
            key=lambda row: row.start,
        )
        allowed = {(row.physical_uid, row.logical_uid): row.start for row in holding}
        assert set(now) <= set(allowed)
        if allowed:
            newest = max(allowed.values())
            assert any(allowed[pair] == newest for pair in now), "what IoTa went by counts"


@given(ROWS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: list[Mapped], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert resolve(shuffled, {}).intervals == resolve(rows, {}).intervals
