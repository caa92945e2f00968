"""Rows of `raw_messages` against `raw`, by place and digest."""

from typing import Any

from connectors.sinks.base import Record
from connectors.sinks.clickhouse import log_rows
from connectors.verify.raw_side import Judge, Rows, digest
from connectors.verify.scope import WHOLE, Scope
from streams.core.records import RawRecord


def row(
    offset: int, payload: bytes = b"x", partition: int = 0, received_at: int = 5, **headers: str
) -> tuple[Any, ...]:
    message = RawRecord(
        id="i", source="s", transport="mqtt", address="a", received_at=received_at, headers=headers, payload=payload
    )
    (made,) = log_rows.raw(Record("raw", partition, offset, None, b"", 5), message)
    return made


def judged(expected: dict[int, int], found: dict[int, int], committed: int = 9) -> tuple[tuple[int, ...], int]:
    judge = Judge({0: committed}, {(0, 3)})
    judge.compare(0, expected, found)
    d = judge.difference()
    return (d.expected, d.missing, d.extra, d.wrong), judge.behind


def test_the_digest_is_of_all_that_a_row_says_but_its_place() -> None:
    assert digest(row(1, qos="1", dup="0")) == digest(row(2, dup="0", qos="1"))
    assert len({digest(row(1)), digest(row(1, b"y")), digest(row(1, qos="1")), digest(row(1, received_at=6))}) == 4


def test_rows_are_kept_as_far_as_they_are_meant() -> None:
    whole, part, device = Rows(), Rows(), Rows()
    for offset, received_at in ((3, 5), (4, 7), (9, 5)):
        for rows, scope in ((whole, WHOLE), (part, Scope(end=6)), (device, Scope(device="json:a"))):
            rows.take(row(offset, received_at=received_at), scope)

    assert [list(rows.between(0, 3, 9)) for rows in (whole, part, device)] == [[3, 4], [3], []]
    assert list(whole.between(1, 0, 9)) == []


def test_rows_are_compared_both_ways() -> None:
    assert judged({1: 11, 2: 12}, {1: 11, 2: 12}) == ((2, 0, 0, 0), 0)
    assert judged({1: 11, 2: 12}, {2: 13, 4: 14}) == ((2, 1, 1, 1), 0)


def test_what_is_not_committed_may_lack_and_must_not_be_wrong() -> None:
    assert judged({1: 11, 2: 12}, {}, committed=2) == ((1, 1, 0, 0), 1)
    assert judged({1: 11, 2: 12}, {1: 11, 2: 13}, committed=2) == ((2, 0, 0, 1), 0)


def test_what_the_sink_has_refused_may_lack() -> None:
    assert judged({3: 13}, {}) == ((0, 0, 0, 0), 0)
