"""What is known of a device's ids has a bound, and ends with what it told last."""

from hypothesis import given
from hypothesis import strategies as st

from streams.core.sender import IDS_LIMIT, united

IDS = st.dictionaries(st.text("abc", max_size=2), st.sampled_from(["", "x", "x" * 3_000, "x" * 9_000, "x" * 20_000]))


def size(ids: dict[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in ids.items())


def test_ids_are_known_as_they_were_told_last() -> None:
    ids = united({"serial_no": "7", "imei": "1"}, {"serial_no": "7", "imei": "2", "imsi": "3"})
    assert list(ids.items()) == [("serial_no", "7"), ("imei", "2"), ("imsi", "3")]


def test_what_is_told_again_is_new_again() -> None:
    assert list(united({"a": "1", "b": "2"}, {"a": "1"})) == ["b", "a"]


def test_beyond_the_limit_those_told_longest_ago_are_left_out() -> None:
    half = "x" * 4_999
    assert united({"a": half, "b": half}, {"c": half}) == {"b": half, "c": half}
    assert united({"a": half, "b": half, "c": ""}, {"a": half}) == {"a": half, "c": ""}


@given(IDS, IDS)
def test_it_never_holds_more_than_the_limit_nor_anything_that_was_not_told(
    known: dict[str, str], told: dict[str, str]
) -> None:
    ids = united(known, told)
    assert size(ids) <= IDS_LIMIT
    assert ids.items() <= (known | told).items()
    if size(told) <= IDS_LIMIT:
        assert told.items() <= ids.items()
    if size(known | told) <= IDS_LIMIT:
        assert ids == known | told


@given(IDS, IDS)
def test_the_same_told_twice_is_told_once(known: dict[str, str], told: dict[str, str]) -> None:
    ids = united(known, told)
    assert list(united(ids, told).items()) == list(ids.items())
