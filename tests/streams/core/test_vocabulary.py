"""The vocabulary is well formed, and judges only what is its own."""

import math

import pint
import pytest

from streams.core.names import is_name
from streams.core.vocabulary import STANDARDS, VOCABULARY, Standard, find, plausible

ALL = pytest.mark.parametrize("standard", VOCABULARY.measurement, ids=lambda standard: standard.name)
UNITS: pint.UnitRegistry[float] = pint.UnitRegistry()
THE_THINGS_STACK = (
    "air.co2 air.lightIntensity air.location air.pressure air.relativeHumidity air.temperature action.contactState "
    "action.motion.count action.motion.detected battery metering.water.total position.latitude position.longitude "
    "rain.cumulative rain.intensity soil.depth soil.ec soil.k soil.moisture soil.n soil.p soil.pH soil.temperature "
    "water.leak water.temperature.avg water.temperature.current water.temperature.max water.temperature.min "
    "wind.direction wind.speed"
)


@ALL
def test_names_can_be_stored(standard: Standard) -> None:
    assert is_name(standard.name)
    assert standard.about
    assert not standard.name.rpartition("_")[2].isdigit() or standard.name == "air.pm2_5"


@ALL
def test_units_are_known_to_pint(standard: Standard) -> None:
    if standard.unit:
        assert UNITS.parse_units(standard.unit) is not None


@ALL
def test_numbers_have_a_range_and_texts_their_words(standard: Standard) -> None:
    if standard.kind == "number":
        assert math.isfinite(standard.min)
        assert math.isfinite(min(standard.max, standard.below))
        assert standard.min < min(standard.max, standard.below)
    else:
        assert not standard.unit
        assert bool(standard.texts) == (standard.kind == "text")


def test_names_are_there_once() -> None:
    assert len(STANDARDS) == len(VOCABULARY.measurement)


def test_holds_the_normalised_payload_of_the_things_stack() -> None:
    assert {name for name, standard in STANDARDS.items() if standard.normalised} == set(THE_THINGS_STACK.split())


def test_judges_by_name_and_unit() -> None:
    assert plausible("air.temperature", "°C") == (-90, 70)
    assert plausible("air.temperature", "°F") is None
    assert plausible("battery", "") is None
    assert plausible("water.leak", "") is None
    assert plausible("lufttemperatur", "°C") is None


def test_a_bound_that_is_excluded_is_not_plausible() -> None:
    bounds = plausible("wind.direction", "°")

    assert bounds is not None
    assert bounds[0] == 0
    assert 359.999 < bounds[1] < 360


@pytest.mark.parametrize(("name", "known"), [("_2", True), ("_17", True), ("_1", False), ("_0", False), ("_x", False)])
def test_numbered_names_are_further_ones(name: str, known: bool) -> None:
    assert (find("soil.moisture" + name) is STANDARDS["soil.moisture"]) == known
