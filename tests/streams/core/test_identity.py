from hypothesis import given
from hypothesis import strategies as st

from streams.core.identity import content_id
from streams.core.records import Measurement

measurements = st.builds(
    Measurement,
    name=st.sampled_from(["a", "ab", "b"]),
    unit=st.just(""),
    time=st.integers(0, 20),
    value=st.none() | st.sampled_from([0.0, 1.0, 10.0]),
    text=st.none(),
) | st.builds(
    Measurement,
    name=st.sampled_from(["a", "b"]),
    unit=st.just(""),
    time=st.integers(0, 20),
    value=st.none(),
    text=st.text(st.sampled_from("1.0ab:tn\x1f"), max_size=8),
)


@given(st.lists(measurements, max_size=3), st.lists(measurements, max_size=3))
def test_differs_exactly_when_device_times_or_values_differ(one: list[Measurement], other: list[Measurement]) -> None:
    same = [(m.name, m.time, m.value, m.text) for m in one] == [(m.name, m.time, m.value, m.text) for m in other]

    assert (content_id("ttn:1", one) == content_id("ttn:1", other)) == same
    assert content_id("ttn:1", one) != content_id("ttn:2", one)


def test_tells_a_text_from_the_number_it_looks_like() -> None:
    number, text = Measurement("a", "", 1, 1.0, None), Measurement("a", "", 1, None, "1.0")

    assert content_id("ttn:1", [number]) != content_id("ttn:1", [text])


def test_is_the_same_for_ever() -> None:
    assert content_id("ttn:1", [Measurement("t", "C", 5, 21.5, None)]) == "39f94b84e36db84ed0ad459051a228a6"
