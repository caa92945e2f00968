import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.ubidots.payload import Dot, body, dots, number, requests
from streams.core.times import SECOND
from tests.connectors.sinks.making import NOON, measured, message


def test_is_the_body_that_ubidots_documents() -> None:
    found = dots(0, message(measured(3.5, "battery (v)", NOON + 1_999_999), cid="83d0"))
    assert json.loads(body(found)) == {
        "battery (v)": {
            "value": 3.5,
            "timestamp": 1793620800001,
            "context": {"broker_correlation_id": "83d0"},
        }
    }


def test_sends_every_point_of_a_repeated_name_in_an_array() -> None:
    found = dots(0, message(measured(1.0), measured(2.0, time=NOON + SECOND), measured(3.0, "u")))
    assert [[dot["value"] for dot in value] if isinstance(value, list) else value["value"]
            for value in json.loads(body(found)).values()] == [[1.0, 2.0], 3.0]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "sent"),
    [(4.0, 4.0), ("4.5", 4.5), (" -1e3 ", -1000.0), ("on", None), ("", None), ("nan", None), ("inf", None)],
)
def test_sends_numbers_and_texts_that_are_numbers(value: float | str, sent: float | None) -> None:
    assert number(measured(value)) == sent


names = st.text(min_size=1, max_size=40)
some_dots = st.lists(
    st.builds(Dot, st.integers(0, 5), st.integers(1, 3), names, st.floats(allow_nan=False, allow_infinity=False),
              st.integers(0, NOON), st.text(max_size=40)), max_size=60,
)  # fmt: skip


@given(some_dots)
def test_cuts_into_requests_within_the_limit_and_keeps_every_dot_once(every: list[Dot]) -> None:
    made = list(requests(every, 1_000))
    assert all(len(body(request)) <= 1_000 for request in made if len(request) > 1)
    assert all(len({dot.logical_uid for dot in request}) == 1 for request in made)
    assert sorted(map(repr, every)) == sorted(repr(dot) for request in made for dot in request)
    for uid in (1, 2, 3):
        of_device = [dot for request in made for dot in request if dot.logical_uid == uid]
        assert of_device == [dot for dot in every if dot.logical_uid == uid]
