"""What can never match is refused in one sentence; what is known bounds what is read."""

import pytest

from streams.replay.job import Mode
from streams.replay.plan import Span, bounds, check, check_offsets
from streams.replay.runs import Runs
from streams.replay.selection import Selection

SOURCES = ("json", "ttn")


@pytest.mark.parametrize(("selection", "mode", "fault"), [
    (Selection(sources=("jsno", "ttn")), Mode.DECODE, "no source is called jsno; there are json, ttn"),
    (Selection(time_from=5, time_until=5), Mode.DECODE, "the range of time ends before it begins"),
    (Selection(received_from=6, received_until=5), Mode.RESTORE, "the range of receipt ends before it begins"),
    (Selection(offsets={"0": (7, 7)}), Mode.DECODE, "the offsets of raw partition 0 end before they begin: 7 to 7"),
    (Selection(stages=("open",)), Mode.DECODE, "stages and reasons choose among dead letters: mode decode has none"),
])  # fmt: skip
def test_refuses_what_can_never_match(selection: Selection, mode: Mode, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}$"):
        check(selection, mode, SOURCES)


@pytest.mark.parametrize("selection", [
    Selection(),
    Selection(sources=("ttn",), time_from=5, time_until=6, received_from=0),
    Selection(offsets={"0": (7, 8)}),
])  # fmt: skip
def test_lets_pass_what_can_match(selection: Selection) -> None:
    check(selection, Mode.DECODE, SOURCES)
    check_offsets(selection, {0: 8, 1: 0})


@pytest.mark.parametrize(("offsets", "fault"), [
    ({"2": (0, 5)}, "raw has no partition 2: it has 0 to 1"),
    ({"x": (0, 5)}, "raw has no partition x: it has 0 to 1"),
    ({"1": (8, 9)}, "raw partition 1 ends at offset 8, before 8"),
])  # fmt: skip
def test_refuses_offsets_that_raw_does_not_have(offsets: dict[str, tuple[int, int]], fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}$"):
        check_offsets(Selection(offsets=offsets), {0: 5, 1: 8})


def test_bounds_of_lineages_are_the_first_and_the_one_after_the_last() -> None:
    assert bounds(Runs([(1, 5, 9), (1, 20, 20), (3, 0, 0)])) == {1: (5, 21), 3: (0, 1)}


@pytest.mark.parametrize(("span", "records", "archived"), [
    (Span(start=0, end=10, kafka_from=0), 10, (0, 0)),
    (Span(start=2, end=10, kafka_from=6), 8, (2, 6)),
    (Span(start=2, end=5, kafka_from=6), 3, (2, 5)),
    (Span(start=5, end=5, kafka_from=6), 0, (5, 5)),
])  # fmt: skip
def test_the_archive_gives_what_stands_before_the_first_offset_of_kafka(
    span: Span, records: int, archived: tuple[int, int]
) -> None:
    assert (span.records, span.archived) == (records, archived)
