"""Times in columns are the times one by one."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.core.time_columns import MOST, NO_TIME, from_texts
from streams.core.times import from_text

digits = st.integers(0, 99).map("{:02}".format)
common = st.builds(
    "{}-{}-{}T{}:{}:{}{}{}".format,
    st.integers(0, 9999).map("{:04}".format) | st.sampled_from(["2024", "2026", "1900", "2000", "1700", "2250"]),
    digits | st.integers(1, 12).map("{:02}".format), digits | st.integers(1, 31).map("{:02}".format),
    digits | st.just("07"), digits, digits,
    st.just("") | st.text("0123456789", min_size=0, max_size=11).map(".{}".format),
    st.sampled_from(["Z", "z", "", "+00:00", "-03:00", "+10:30", "-23:59", "+24:00", "+1000", " Z"]),
)  # fmt: skip


def one_by_one(texts: list[str]) -> list[int]:
    found = [from_text(text) for text in texts]
    return [NO_TIME if time is None else min(max(time, -MOST), MOST) for time in found]


@settings(deadline=None)
@given(st.lists(common | st.text(max_size=36), max_size=12))
@example(
    ["2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2000-02-29T23:59:59.999999999+23:59"]
)
@example(["2026-01-03T07:01:60Z", "2026-01-03T07:01:01.5Z", "2026-01-03T07:01:01-03:0", "é026-01-03T07:01:01Z", ""])
@example(["2026-01-03T07:01:01.1234567890Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "\ud800"])
def test_columns_read_what_each_text_says(texts: list[str]) -> None:
    assert from_texts(texts).tolist() == one_by_one(texts)


def test_nanoseconds_and_zones_are_exact() -> None:
    assert from_texts(["2026-01-03T07:01:01.000000123-03:00", "2026-01-03T10:01:01.5Z", "never"]).tolist() == [
        1_767_434_461_000_000_123, 1_767_434_461_500_000_000, NO_TIME,
    ]  # fmt: skip
