"""The Things Stack's normalised payload: what is a measurement, what fails it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.message import Value
from streams.core.normalised import read
from streams.core.times import from_text

NOW = 1_772_619_330_000_000_000


def test_one_object_is_one_measurement() -> None:
    assert read({"air": {"temperature": 22.6, "relativeHumidity": 41}, "battery": 3.6}, NOW) == (
        [
            Value("air.temperature", 22.6, NOW, "°C"),
            Value("air.relativeHumidity", 41, NOW, "%"),
            Value("battery", 3.6, NOW, "V"),
        ],
        [],
    )


def test_an_elements_own_time_wins() -> None:
    elements = [
        {"time": "2026-03-04T10:00:00Z", "soil": {"ec": 1}},
        {"time": "2026-03-04T10:15:00Z", "soil": {"ec": 2}},
    ]

    assert read(elements, NOW) == (
        [
            Value("soil.ec", 1, 1_772_618_400_000_000_000, "dS/m"),
            Value("soil.ec", 2, 1_772_619_300_000_000_000, "dS/m"),
        ],
        [],
    )


def test_depths_of_one_probe_are_all_kept() -> None:
    elements = [{"soil": {"depth": depth, "moisture": moisture}} for depth, moisture in ((10, 20), (30, 25), (60, 31))]
    values, faults = read([*elements, {"air": {"co2": 400}}], NOW)

    assert not faults
    assert [(value.name, value.value) for value in values] == [
        ("soil.depth", 10),
        ("soil.moisture", 20),
        ("soil.depth_2", 30),
        ("soil.moisture_2", 25),
        ("soil.depth_3", 60),
        ("soil.moisture_3", 31),
        ("air.co2", 400),
    ]


def test_flags_and_texts_are_typed() -> None:
    told = {"action": {"motion": {"detected": True, "count": 0}, "contactState": "open"}, "water": {"leak": False}}

    assert [(value.name, value.value) for value in read(told, NOW)[0]] == [
        ("action.motion.detected", True),
        ("action.motion.count", 0),
        ("action.contactState", "open"),
        ("water.leak", False),
    ]


def test_out_of_range_is_kept() -> None:
    assert read({"battery": 95}, NOW) == ([Value("battery", 95, NOW, "V")], [])


@pytest.mark.parametrize("empty", [[], {}, [{}], {"air": {}}, [{"time": "2026-03-04T10:00:00Z"}]])
def test_empty_measurements_are_left_out(empty: Any) -> None:
    assert read(empty, NOW) == ([], [])


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ({"air": {"temp": 1}}, "measurement 1: unknown field 'air.temp'"),
        ([{"air": {"co2": 1}}, {"sky": {}}], "measurement 2: unknown field 'sky'"),
        ({"air": 3}, "measurement 1: air is 3, no object"),
        ({"air": {"temperature": "22"}}, "measurement 1: air.temperature is '22', no number"),
        ({"air": {"temperature": True}}, "measurement 1: air.temperature is True, no number"),
        ({"air": {"temperature": None}}, "measurement 1: air.temperature is None, no number"),
        ({"air": {"temperature": {}}}, "measurement 1: air.temperature is an object, no number"),
        ({"water": {"leak": 1}}, "measurement 1: water.leak is 1, no true or false"),
        ({"air": {"location": "roof"}}, "measurement 1: air.location is 'roof', no indoor or outdoor"),
        ({"time": "noon"}, "measurement 1: time is 'noon', no RFC 3339 time"),
        ({"time": 1}, "measurement 1: time is 1, no RFC 3339 time"),
        ("text", "measurement 1: is 'text', no object"),
        ([[]], "measurement 1: is an array, no object"),
    ],
)
def test_one_fault_fails_all_of_it(elements: Any, fault: str) -> None:
    assert read(elements, NOW) == ([], [fault])


def test_too_many_elements_fail() -> None:
    assert read([{}] * 1001, NOW) == ([], ["1001 measurements are more than 1000"])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["air", "soil", "water", "temperature", "moisture", "depth", "min", "battery", "time"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(elements=anything)
def test_values_or_faults_never_both_and_no_name_twice(elements: Any) -> None:
    values, faults = read(elements, NOW)

    assert not (values and faults)
    assert len({(value.name, value.time) for value in values}) == len(values)


@given(count=st.integers(1, 30), times=st.sampled_from([1, 2, 3]))
def test_no_value_of_any_element_is_lost(count: int, times: int) -> None:
    elements = [{"time": f"2026-03-04T10:0{n % times}:00Z", "soil": {"moisture": n}} for n in range(count)]
    values, _ = read(elements, NOW)

    assert sorted(value.value for value in values) == list(range(count))
    assert all(value.time == from_text(f"2026-03-04T10:0{value.value % times}:00Z") for value in values)
