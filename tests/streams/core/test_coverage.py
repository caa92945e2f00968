"""The line after which windows are aggregates."""

from streams.core.coverage import BEGINNING, Known, covered, known
from streams.core.records import Generation


def generation(number: int, opened: int, fences: dict[str, int]) -> Generation:
    return Generation(
        number=number, fences=fences, code="", codecs="", rules="", opened_at=opened, opened_by="", why=""
    )


def test_it_covers_windows_that_start_after_the_line_only() -> None:
    assert not covered(110, 100, BEGINNING, ahead=10)
    assert covered(111, 100, BEGINNING, ahead=10)


def test_it_takes_the_later_of_start_and_generation() -> None:
    assert not covered(150, 100, 145, ahead=10)
    assert covered(156, 100, 145, ahead=10)


def test_it_covers_everything_when_the_log_was_read_from_its_beginning() -> None:
    assert covered(-5, BEGINNING, BEGINNING, ahead=10)


def test_it_asks_only_generations_that_have_raw_records_before_their_fences() -> None:
    first = generation(1, 1000, {"0": 0, "1": 0})
    second = generation(2, 2000, {"0": 0, "1": 7})
    assert known([first]) == Known(1, BEGINNING)
    assert known([second, first]) == Known(2, 2000)
    assert known([]) == Known(0, BEGINNING)


def test_a_generation_that_is_only_announced_is_not_known() -> None:
    assert known([generation(1, 1000, {"0": 0}), generation(2, 2000, {})]) == Known(1, BEGINNING)
