"""Nothing was received after Kafka appended it, whatever the clock of its connector says."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.receipt import TOLERANCE, by_log_time
from streams.core.records import RawRecord
from streams.core.times import DAY, MILLISECOND

APPENDED = 1_715_382_000_123_000_000
moments = st.integers(APPENDED - 400 * DAY, APPENDED + 400 * DAY)
offsets = st.integers(0, 1 << 38)


def received(at: int) -> RawRecord:
    return RawRecord(id="0190", source="json", transport="mqtt", address="json/a", received_at=at, payload=b"{}")


@given(moments, offsets)
def test_receipt_is_never_later_than_appending_but_for_a_tolerance(at: int, offset: int) -> None:
    assert by_log_time(received(at), APPENDED, offset).received_at <= APPENDED + TOLERANCE


@given(st.integers(APPENDED - 400 * DAY, APPENDED + TOLERANCE), offsets)
def test_a_clock_that_is_right_or_behind_is_believed(at: int, offset: int) -> None:
    assert by_log_time(received(at), APPENDED, offset) == received(at)


@given(moments, offsets)
def test_it_is_said_once(at: int, offset: int) -> None:
    once = by_log_time(received(at), APPENDED, offset)

    assert by_log_time(once, APPENDED, offset) == once


@given(st.lists(st.integers(APPENDED + TOLERANCE + 1, APPENDED + 400 * DAY), min_size=2, max_size=2))
def test_a_batch_that_kafka_appended_at_once_stays_apart_and_in_order(ats: list[int]) -> None:
    first, second = (by_log_time(received(at), APPENDED, 40 + n).received_at for n, at in enumerate(ats))

    assert first < second < APPENDED + MILLISECOND


def test_a_day_ahead() -> None:
    ahead = received(APPENDED + DAY + 456_789)

    assert by_log_time(ahead, APPENDED, 3_000_041) == replace(ahead, received_at=1_715_382_000_123_000_041)
