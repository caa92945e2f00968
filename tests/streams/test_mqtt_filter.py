"""Topic filters: faults, and overlaps held against paho's matching."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from streams.mqtt_filter import fault, overlap, plain

LEVELS = st.sampled_from(["a", "b", "", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, tail: "/".join([*levels, *tail]),
    st.lists(LEVELS | st.just("+"), min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
) | st.just("#")


@pytest.mark.parametrize("filter", ["a", "a/b", "+", "#", "a/#", "+/a/+", "/", "$share/g/a/#", "$SYS/#"])
def test_finds_no_fault_in(filter: str) -> None:
    assert fault(filter) is None


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("", "is empty"),
        ("$share/g", "is empty"),
        ("$share/g/", "is empty"),
        ("a/#/b", "'#' must stand alone, at the end"),
        ("a#", "'#' must stand alone, at the end"),
        ("a+/b", "'+' must fill a whole level"),
        ("a\0", "holds a NUL or is longer than 65535 bytes"),
    ],
)
def test_names_the_fault_of(filter: str, expected: str) -> None:
    assert fault(filter) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "a"), ("a/#", "a"), ("a/#", "a/b/c"), ("+/b", "a/+"), ("#", "a"), ("$share/g/a", "a"), ("a/+/c", "a/b/#")],
)
def test_finds_the_overlap_of(one: str, other: str) -> None:
    assert overlap(one, other)
    assert overlap(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "b"), ("a/+", "a"), ("a/+", "a/b/c"), ("#", "$SYS/a"), ("+/a", "$x/a"), ("YDOC/#", "wombat")],
)
def test_finds_no_overlap_of(one: str, other: str) -> None:
    assert not overlap(one, other)
    assert not overlap(other, one)


@given(FILTERS, FILTERS, TOPICS)
def test_overlaps_whenever_a_topic_matches_both(one: str, other: str, topic: str) -> None:
    if topic_matches_sub(one, topic) and topic_matches_sub(other, topic):
        assert overlap(one, other)


def test_leaves_out_the_group_of_a_shared_subscription() -> None:
    assert plain("$share/group/a/#") == "a/#"
    assert plain("a/#") == "a/#"
