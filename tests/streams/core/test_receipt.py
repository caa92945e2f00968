"""Nothing was received after Kafka appended it, whatever the clock of its connector says."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.receipt import MILLISECOND, SECOND, TOLERANCE, by_log_time
from streams.core.records import RawRecord

APPENDED = 1_715_382_000_123_000_000
DAY = 86_400 * SECOND
moments = st.integers(APPENDED - 400 * DAY, APPENDED + 400 * DAY)


def received(at: int) -> RawRecord:
    return RawRecord(id="0190", source="json", transport="mqtt", address="json/a", received_at=at, payload=b"{}")


@given(moments)
def test_receipt_is_never_later_than_appending_but_for_a_tolerance(at: int) -> None:
    assert by_log_time(received(at), APPENDED).received_at <= APPENDED + TOLERANCE


@given(st.integers(APPENDED - 400 * DAY, APPENDED + TOLERANCE))
def test_a_clock_that_is_right_or_behind_is_believed(at: int) -> None:
    assert by_log_time(received(at), APPENDED) == received(at)


@given(st.integers(APPENDED + TOLERANCE + 1, APPENDED + 400 * DAY))
def test_of_a_clock_that_is_ahead_what_is_finer_than_a_millisecond_stays(at: int) -> None:
    told = by_log_time(received(at), APPENDED)

    assert told == replace(received(at), received_at=APPENDED + at % MILLISECOND)


@given(moments)
def test_it_is_said_once(at: int) -> None:
    once = by_log_time(received(at), APPENDED)

    assert by_log_time(once, APPENDED) == once


def test_a_day_ahead() -> None:
    ahead = received(APPENDED + DAY + 456_789)

    assert by_log_time(ahead, APPENDED).received_at == 1_715_382_000_123_456_789
