"""Dead letters that only the table has: which of them the topic can have forgotten."""

import pytest

from connectors.verify.letters import LATE, Letters, gone, is_of_the_world, since
from streams.core.records import DeadLetter
from streams.core.times import DAY


def letter(stage: str = "sink:ubidots", reason: str = "refused", at: int = 0, offset: int = 5) -> DeadLetter:
    return DeadLetter(stage=stage, reason=reason, detail="", raw_partition=0, raw_offset=offset, at=at)


@pytest.mark.parametrize(
    ("begins", "first", "expected"),
    [
        ({}, {}, 0),
        ({0: 0, 1: 0}, {0: 5 * DAY}, 0),
        ({0: 7, 1: 0}, {0: 20 * DAY, 1: 50 * DAY}, 20 * DAY + LATE),
        ({0: 7, 1: 3}, {0: 20 * DAY, 1: 30 * DAY}, 30 * DAY + LATE),
        ({0: 7, 1: 3}, {0: 20 * DAY}, 40 * DAY + LATE),
    ],
)
def test_the_topic_has_all_since_the_latest_of_the_beginnings_that_moved(
    begins: dict[int, int], first: dict[int, int], expected: int
) -> None:
    assert since(begins, first, kept_from=40 * DAY) == expected


@pytest.mark.parametrize(
    ("stage", "reason", "expected"),
    [
        ("sink:ubidots", "refused", True),
        ("window", "codec-timeout", True),
        ("codec", "codec-timeout", True),
        ("codec", "no-codec", False),
        ("normalise", "no-data", False),
        ("avro", "truncated", False),
    ],
)
def test_what_the_core_says_by_itself_is_judged_whatever_its_age(stage: str, reason: str, expected: bool) -> None:
    assert is_of_the_world(letter(stage, reason)) is expected


def test_only_what_is_older_than_the_topic_and_not_in_it_is_gone() -> None:
    stored = [letter(at=1), letter(at=10), letter(at=1, offset=6), letter("codec", "no-codec", at=1)]

    assert gone(stored, Letters([letter(at=1, offset=6)], since=10)) == [letter(at=1)]
    assert gone(stored, Letters(since=0)) == []
