"""Which values count: the registered codec's, or those that the network server decoded."""

from collections.abc import Sequence
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.choice import choose, same
from streams.core.codec import Call, Codecs, Decoded, Preference
from streams.core.message import Message, Rejected, Sender, Value

SENDER = Sender(device="ttn:a1", source_ids={}, application="soil", profile="p", model="acme/x1")
KINDS = {"device": "ttn:a1", "application": "soil", "profile": "p", "model": "acme/x1"}
ORDER = list(KINDS)
NO = Rejected("codec", "truncated", "too short", "ttn:a1")


class Named:
    """A codec that is never run here."""

    def __init__(self, label: str) -> None:
        self.label = label

    def run(self, calls: Sequence[Call]) -> Sequence[list[Value]]:
        """Nothing."""
        return [[] for _ in calls]


def values(told: dict[str, Any]) -> list[Value]:
    return [Value(name, value, 5) for name, value in told.items()]


def message(decoded: dict[str, Any] | None) -> Message:
    return Message(sender=SENDER, time=5, payload=b"x", values=None if decoded is None else values(decoded))


def choice(
    decoded: dict[str, Any] | None,
    told: Any,
    preference: Preference = "registered-codec-first",
    *,
    rescue: bool = False,
) -> tuple[Any, str | None, int, list[str]]:
    codecs = Codecs(preference=preference, rescue=rescue)
    made = choose(message(decoded), (values(told) if isinstance(told, dict) else told, "probe@1"), codecs)
    counted = made.rejected or {value.name: value.value for value in made.values or ()}
    return counted, made.codec, made.quality, list(made.ignored)


@given(st.sets(st.sampled_from(ORDER)), st.booleans())
def test_the_narrowest_target_is_asked(registered: set[str], decoded: bool) -> None:
    codecs = Codecs([(Named(kind), [f"{kind}:{KINDS[kind]}"]) for kind in registered])
    asked = codecs.choose(message({"t": 1} if decoded else None))

    assert (asked.label if asked else None) == next((kind for kind in ORDER if kind in registered), None)


@pytest.mark.parametrize(
    ("preference", "decoded", "asked"),
    [
        ("registered-codec-first", {"t": 1}, True),
        ("registered-codec-first", None, True),
        ("network-server-first", {"t": 1}, False),
        ("network-server-first", None, True),
        ("compare", {"t": 1}, True),
        ("compare", None, True),
    ],
)
def test_a_registered_codec_is_asked_unless_the_network_server_comes_first(
    preference: Preference, decoded: dict[str, Any] | None, asked: bool
) -> None:
    codecs = Codecs([(Named("probe"), ["application:soil"])], preference=preference)

    assert (codecs.choose(message(decoded)) is not None) == asked


def test_the_registered_codec_counts_by_default() -> None:
    assert choice({"t": 1}, {"t": 2}) == ({"t": 2}, "probe@1", 0, [])
    assert choice({"t": 1}, Decoded(values({"t": 2}), ["codec-warning"])) == ({"t": 2}, "probe@1", 0, ["codec-warning"])
    assert choice({"t": 1}, NO) == (NO, "probe@1", 0, [])
    assert choice(None, NO) == (NO, "probe@1", 0, [])


def test_comparing_keeps_the_network_servers_values_and_marks_a_difference() -> None:
    assert choice({"t": 1}, {"t": 1.0000000001}, "compare") == ({"t": 1}, None, 0, [])
    assert choice({"t": 1}, {"t": 2}, "compare") == ({"t": 1}, None, 4, ["differs-from-network-server"])
    assert choice({"t": 1}, {}, "compare") == ({"t": 1}, None, 4, ["differs-from-network-server"])
    assert choice({"t": 1}, NO, "compare") == ({"t": 1}, None, 0, ["failed-beside-network-server"])
    assert choice(None, {"t": 2}, "compare") == ({"t": 2}, "probe@1", 0, [])
    assert choice(None, NO, "compare") == (NO, "probe@1", 0, [])


def test_the_network_server_may_stand_in_for_a_codec_that_fails() -> None:
    assert choice({"t": 1}, NO, rescue=True) == ({"t": 1}, None, 0, ["failed-network-server-used"])
    assert choice({"t": 1}, {"t": 2}, rescue=True) == ({"t": 2}, "probe@1", 0, [])
    assert choice(None, NO, rescue=True) == (NO, "probe@1", 0, [])


def test_what_no_codec_was_asked_about_counts_as_it_is() -> None:
    assert choose(message({"t": 1}), None, Codecs()).values == values({"t": 1})
    assert choose(message(None), None, Codecs()).values is None


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"t": 22.5}, {"t": 22.500001}, True),
        ({"t": 22.5}, {"t": 22.50004}, False),
        ({"t": 27.200000762939453}, {"t": 27.2}, True),
        ({"t": 0}, {"t": 1e-12}, True),
        ({"t": 1}, {"t": True}, True),
        ({"t": "1"}, {"t": 1}, False),
        ({"t": "3.01"}, {"t": "3.01"}, True),
        ({"t": 1, "gone": None}, {"t": 1}, True),
        ({"t": 1, "odd": nan}, {"t": 1, "odd": inf}, True),
        ({"t": 1}, {"t": 1, "h": 2}, False),
        ({"gps": {"lat": 1.0, "lon": 2.0}}, {"gps.lat": 1.0, "gps.lon": 2.0}, True),
        ({"list": [1, 2]}, {"list": [1, 3]}, False),
    ],
)
def test_values_are_the_same_within_a_tolerance(one: dict[str, Any], other: dict[str, Any], equal: bool) -> None:
    assert same(values(one), values(other)) == equal
    assert same(values(other), values(one)) == equal


def test_another_time_is_a_difference() -> None:
    assert not same([Value("t", 1, 5)], [Value("t", 1, 6)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_anything_may_be_compared_and_is_the_same_as_itself(told: dict[str, Any]) -> None:
    assert same(values(told), values(told))
