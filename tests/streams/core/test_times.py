from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.times import EARLIEST, LATEST, from_any, from_number, from_text, to_text

offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=offsets)  # noqa: DTZ001 - bounds are naive


@given(moment=moments, digits=st.integers(0, 999_999_999), separator=st.sampled_from("Tt "))
def test_reads_rfc_3339_exactly_to_the_nanosecond(moment: datetime, digits: int, separator: str) -> None:
    whole = moment.replace(microsecond=0)
    text = whole.isoformat(separator)[:19] + f".{digits:09}" + whole.isoformat()[19:]

    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    assert from_text(text) == (since.days * 86_400 + since.seconds) * 1_000_000_000 + digits


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-05-10T23:00:00.892395503Z", 1_715_382_000_892_395_503),
        ("2024-05-10T23:00:00.1Z", 1_715_382_000_100_000_000),
        ("2024-05-10T23:00:00,5Z", 1_715_382_000_500_000_000),
        ("2024-05-10T23:00:00.1234567899Z", 1_715_382_000_123_456_789),
        ("2024-05-10T23:00:00", 1_715_382_000_000_000_000),
        ("2024-05-10 23:00", 1_715_382_000_000_000_000),
        ("2024-05-11T09:00:00+10:00", 1_715_382_000_000_000_000),
        ("2024-05-11T09:00:00+1000", 1_715_382_000_000_000_000),
        ("2024-05-11T09:00:00 +10", 1_715_382_000_000_000_000),
        ("2024-05-10T13:30:00-09:30", 1_715_382_000_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ],
)
def test_reads_what_senders_write(text: str, time: int) -> None:
    assert from_text(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2024-05-10", "23:00:00", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
        "2024-05-10T24:00:00Z", "2024-05-10T23:60:00Z", "2024-05-10T23:00:61Z", "2024-05-10T23:00:00.Z",
        "2024-05-10T23:00:00+24:00", "2024-05-10T23:00:00ZZ", " 2024-05-10T23:00:00Z", "2024-05-10T23:00:00Z\n",
        "٢٠٢٤-05-10T23:00:00Z", "2024-5-1T23:00:00Z", "20240510T230000Z", "1715382000",
    ],
)  # fmt: skip
def test_refuses_nonsense(text: str) -> None:
    assert from_text(text) is None


@given(st.text(max_size=40))
def test_never_raises_for_any_text(text: str) -> None:
    assert from_text(text) is None or any(character.isdigit() for character in text)


@given(st.integers(EARLIEST // 1_000_000_000, LATEST // 1_000_000_000 - 1))
def test_tells_units_of_an_epoch_number_apart(seconds: int) -> None:
    expected = seconds * 1_000_000_000
    answers = {from_number(seconds * unit) for unit in (1, 1_000, 1_000_000, 1_000_000_000)}

    assert answers == {expected}
    assert from_number(float(seconds)) == expected


@pytest.mark.parametrize("value", [None, True, [], {}, float("nan"), float("inf"), -float("inf"), 1e20, 10**30, "soon"])
def test_takes_nothing_else_for_a_time(value: object) -> None:
    assert from_any(value) is None


def test_keeps_microseconds_of_a_fraction() -> None:
    assert from_number(1_715_382_000.123456) == 1_715_382_000_123_456_000
    assert from_number(1_715_382_000_123.456) == 1_715_382_000_123_456_000


def test_writes_times_for_people() -> None:
    assert to_text(1_715_382_000_892_395_503) == "2024-05-10T23:00:00.892395+00:00"
    assert to_text(10**30) == "1000000000000000000000000000000 ns"
