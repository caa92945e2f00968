from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.block import points
from streams.core.message import IMPLAUSIBLE, Samples, Sender, Value
from streams.core.normalise import DEPTH_LIMIT, MEASUREMENT_LIMIT, TEXT_LIMIT, Normalised, normalise
from streams.core.records import DeviceMapping, Interval, Measurement, Rule
from streams.core.rules import Rules
from streams.core.samples import Scope
from streams.core.times import HOUR

T = 1_715_382_000_000_000_000
SENDER = Sender(device="ttn:1", source_ids={}, model="acme/x1")


def normalised(*values: Value, rules: tuple[Rule, ...] = (), mapping: DeviceMapping | None = None) -> Normalised:
    scope = Scope(source="ttn", sender=SENDER, quality=0, rules=Rules(rules), mapping=mapping, latest=T + HOUR)
    return normalise(values, scope)


def one(value: Any) -> tuple[list[float | str | None], list[str], list[str]]:
    """Contents of the measurements, reasons of rejections and of what was ignored, for one value."""
    answer = normalised(Value("v", value, T))
    contents = [m.text if m.value is None else m.value for m in answer.measurements]
    return contents, [rejected.reason for rejected in answer.rejected], answer.ignored


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (1.5, 1.5), (7, 7.0), (-0.0, -0.0), (True, 1.0), (False, 0.0), ("ON", "ON"), ("1.5", "1.5"), ("", ""),
        (2**53, 9007199254740992.0), (2**53 + 1, "9007199254740993"), (-(2**64), "-18446744073709551616"),
    ],
)  # fmt: skip
def test_types_values(value: Any, content: Any) -> None:
    assert one(value) == ([content], [], [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "null"), (float("nan"), "not-finite"), (float("-inf"), "not-finite"), ({}, "empty"), ([], "empty")],
)
def test_counts_what_it_leaves_out(value: Any, reason: str) -> None:
    assert one(value) == ([], [], [reason])


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * (TEXT_LIMIT + 1), "text-too-long"),
        (10**1001, "text-too-long"),
        (nested(DEPTH_LIMIT + 1), "too-deep"),
        ([0] * (MEASUREMENT_LIMIT + 1), "too-many-values"),
        ({"\x00": 1}, "bad-name"),
        ({"\ud800": 1}, "bad-name"),
        ({"n" * 200: 1}, "bad-name"),
    ],
)
def test_rejects_what_no_store_should_hold(value: Any, reason: str) -> None:
    assert one(value) == ([], [reason], [])


def test_accepts_the_limits_themselves() -> None:
    assert one("x" * TEXT_LIMIT)[1:] == ([], [])
    assert one(nested(DEPTH_LIMIT)) == ([1.0], [], [])
    assert len(one([0] * MEASUREMENT_LIMIT)[0]) == MEASUREMENT_LIMIT


def test_does_not_fill_the_memory_with_long_names() -> None:
    answer = normalised(Value("n" * 5_000_000, [[1] * 100] * 100, T))

    assert [rejected.reason for rejected in answer.rejected] == ["bad-name"]
    assert len(answer.rejected[0].detail) < 400


def test_leaves_a_unit_empty_that_could_not_be_a_name() -> None:
    answer = normalised(Value("a", 1, T, "u" * 201), Value("b", 1, T, "\n"), Value("c", 1, T, "°C"))

    assert [m.unit for m in answer.measurements] == ["", "", "°C"]


def test_flattens_with_dots_and_keeps_unit_and_time() -> None:
    answer = normalised(Value("a", {"x": 1, "b": [2, {"c": "t"}]}, T, "g"))

    assert answer.measurements == [
        Measurement("a.x", "g", T, 1.0, None),
        Measurement("a.b.0", "g", T, 2.0, None),
        Measurement("a.b.1.c", "g", T, None, "t"),
    ]


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (T + HOUR + 1, "time-in-future"),
        (315_532_800_000_000_000 - 1, "time-out-of-range"),
        (7_258_118_400_000_000_000, "time-out-of-range"),
        (0, "time-out-of-range"),
        (10**30, "time-out-of-range"),
        (float(T - HOUR), "time-out-of-range"),
    ],
)
def test_rejects_impossible_times_only(time: int, reason: str) -> None:
    answer = normalised(Value("a", 1.0, T), Value("b", 2.0, time), Value("c", 3.0, T + HOUR), Value("d", 4.0, time))

    assert [m.name for m in answer.measurements] == ["a", "c"]
    assert [(rejected.reason, rejected.device) for rejected in answer.rejected] == [(reason, "ttn:1")]
    assert answer.rejected[0].detail.startswith("2 value(s), first at ")


def test_places_each_measurement_at_its_own_time() -> None:
    mapping = DeviceMapping(device="ttn:1", physical_uid=1, intervals=[Interval(7, T, T + 10), Interval(8, T + 10)])
    answer = normalised(*(Value("a", 1.0, T + offset) for offset in (-1, 0, 9, 10)), mapping=mapping)

    assert [m.logical_uid for m in answer.measurements] == [None, 7, 7, 8]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.floats(allow_nan=False, allow_infinity=False))))
def test_keeps_the_last_value_of_a_name_and_time(points: list[tuple[str, int, float]]) -> None:
    answer = normalised(*(Value(name, value, T + time) for name, time, value in points))

    last = {(name, T + time): value for name, time, value in points}
    assert {(m.name, m.time): m.value for m in answer.measurements} == last
    assert answer.ignored == ["duplicate"] * (len(points) - len(last))


def rule(id: str, **more: Any) -> Rule:
    return Rule(**{"id": id, "measurement": "t", **more})


def test_renames_scales_and_units_by_rule() -> None:
    fahrenheit = rule("1", target="temperature", unit="°C", scale=0.5, offset=-10)

    assert normalised(Value("t", 50, T, "F"), Value("u", 1, T, "V"), rules=(fahrenheit,)).measurements == [
        Measurement("temperature", "°C", T, 15.0, None),
        Measurement("u", "V", T, 1.0, None),
    ]


def test_drops_by_rule_and_counts_it() -> None:
    answer = normalised(Value("t", 50, T), rules=(rule("1", drop=True),))

    assert (answer.measurements, answer.rejected, answer.ignored) == ([], [], ["dropped-by-rule"])


def test_leaves_out_what_a_rule_scales_to_infinity() -> None:
    assert normalised(Value("t", 1e300, T), rules=(rule("1", scale=1e300),)).ignored == ["not-finite"]


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ([rule("1", target="general"), rule("2", source="ttn", target="source")], "source"),
        ([rule("1", source="ttn", target="source"), rule("2", model="acme/x1", target="model")], "model"),
        ([rule("1", model="acme/x1", target="model"), rule("2", device="ttn:1", target="device")], "device"),
        ([rule("2", target="second"), rule("1", target="first")], "first"),
        (
            [
                rule("1", source="ydoc", target="x"),
                rule("2", model="a/b", target="y"),
                rule("3", device="z", target="z"),
            ],
            "t",
        ),
        ([rule("1", source="ydoc", device="ttn:1", target="both"), rule("2", target="general")], "general"),
    ],
)
def test_takes_the_most_special_rule(rules: list[Rule], name: str) -> None:
    assert [m.name for m in normalised(Value("t", 1, T), rules=tuple(rules)).measurements] == [name]


@pytest.mark.parametrize(
    ("value", "quality"), [(-90, 0), (70, 0), (70.0001, IMPLAUSIBLE), (-127, IMPLAUSIBLE), ("hot", 0)]
)
def test_marks_what_the_vocabulary_calls_implausible(value: Any, quality: int) -> None:
    (made,) = normalised(Value("air.temperature", value, T, "°C")).measurements

    assert (made.value if isinstance(value, (int, float)) else made.text) == value
    assert made.quality == quality


@pytest.mark.parametrize(("name", "unit"), [("air.temperature", "°F"), ("air.temperature", ""), ("t", "°C")])
def test_judges_only_what_is_the_vocabularys_by_name_and_unit(name: str, unit: str) -> None:
    (made,) = normalised(Value(name, 1e9, T, unit)).measurements

    assert (made.name, made.unit, made.quality) == (name, unit, 0)


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        ({"target": "air.temperature"}, "°C"),
        ({"target": "air.temperature", "unit": "K"}, "K"),
        ({"target": "air.temperature_2"}, "°C"),
        ({"target": "soil.pH"}, ""),
        ({"target": "own.name"}, "V"),
        ({}, "V"),
        ({"unit": "mV"}, "mV"),
    ],
)
def test_a_standard_name_brings_its_unit_unless_the_rule_says_another(told: dict[str, Any], unit: str) -> None:
    (made,) = normalised(Value("v", 1, T, "V"), rules=(Rule(id="r", measurement="v", **told),)).measurements

    assert (made.name, made.unit) == (told.get("target", "v"), unit)


@given(value=st.floats(-1e6, 1e6), scale=st.floats(-100, 100), offset=st.floats(-1e3, 1e3))
def test_a_rule_scales_then_the_vocabulary_judges(value: float, scale: float, offset: float) -> None:
    ruled = (Rule(id="r", measurement="v", target="air.temperature", scale=scale, offset=offset),)
    by_rule = normalised(Value("v", value, T), rules=ruled).measurements
    by_hand = normalised(Value("air.temperature", value * scale + offset, T, "°C")).measurements

    assert by_rule == by_hand


@given(values=st.lists(st.floats(-200, 200), min_size=1, max_size=20), scale=st.floats(-2, 2))
def test_samples_are_judged_as_values_are(values: list[float], scale: float) -> None:
    ruled = Rules([Rule(id="r", measurement="v", target="air.temperature", scale=scale)])
    scope = Scope(source="ttn", sender=SENDER, quality=0, rules=ruled, mapping=None, latest=T + HOUR)
    times = [T + 1_000 * number for number in range(len(values))]
    column = Samples(name="v", times=np.array(times, "<i8").tobytes(), values=np.array(values, "<f8").tobytes())
    blocks = normalise([], scope, [column]).blocks
    one_by_one = normalise([Value("v", value, time) for value, time in zip(values, times, strict=True)], scope)

    marked = [m for block in blocks for m in points(block)]
    assert sorted(marked, key=lambda m: m.time) == one_by_one.measurements
