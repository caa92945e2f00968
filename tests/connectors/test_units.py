"""Unit conversions: expected values are those of the units' definitions."""

import pytest

from connectors.units import NoConversion, linear


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        ("°F", "°C", 212.0, 100.0),
        ("°F", "°C", -40.0, -40.0),
        ("K", "°C", 0.0, -273.15),
        ("°C", "°C", 21.5, 21.5),
        ("kPa", "hPa", 101.3, 1013.0),
        ("inHg", "hPa", 29.92, 1013.2075),
        ("mph", "m/s", 10.0, 4.4704),
        ("µS/cm", "dS/m", 1500.0, 1.5),
        ("mV", "V", 3600.0, 3.6),
        ("in/h", "mm/h", 1.0, 25.4),
    ],
)
def test_converts_by_scale_and_offset(source: str, target: str, value: float, expected: float) -> None:
    scale, offset = linear(source, target)

    assert value * scale + offset == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        ("hPa", "°C", "measure different things"),
        ("wibble", "°C", "no unit that is known"),
        ("", "((", "no unit that is known"),
        ("W", "dBm", "cannot become"),
        ("dBm", "W", "not linear"),
        ("L/km", "km/L", "measure different things"),
    ],
)
def test_refuses_in_one_sentence(source: str, target: str, why: str) -> None:
    with pytest.raises(NoConversion, match=why):
        linear(source, target)
