"""Unit conversions for rules, with pint: once, when a rule is made; a rule itself is scale and offset."""

from functools import cache
from math import isclose

import numpy as np
import pint

PROBES = (-40.0, 37.0, 1000.0)
"""Values that a linear conversion must agree with."""


class NoConversion(Exception):
    """One sentence that says why there is no scale and offset."""


def linear(source: str, target: str) -> tuple[float, float]:
    """Scale and offset, so that ``value * scale + offset`` is in unit ``target`` what ``value`` is in unit ``source``.

    Raises:
        NoConversion: a unit is not known, the two measure different things, or the conversion is not linear.
    """
    for unit in (source, target):
        _known(unit)
    try:
        offset = _convert(0.0, source, target)
        scale = _convert(1.0, source, target) - offset
        agrees = all(
            isclose(_convert(probe, source, target), probe * scale + offset, rel_tol=1e-9, abs_tol=1e-9)
            for probe in PROBES
        )
    except pint.DimensionalityError as error:
        raise NoConversion(f"{source} cannot become {target}: they measure different things") from error
    except (pint.PintError, ValueError, ArithmeticError) as error:
        raise NoConversion(f"{source} cannot become {target}: {error}") from error
    if not agrees or scale == 0:
        raise NoConversion(f"{source} cannot become {target} by scale and offset: the conversion is not linear")
    return float(f"{scale:.15g}"), float(f"{offset:.15g}")


@cache
def _registry() -> "pint.UnitRegistry[float]":
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def _known(unit: str) -> None:
    try:
        _registry().parse_units(unit)
    except Exception as error:  # pint raises parser errors of many kinds for what is no unit
        raise NoConversion(f"{unit!r} is no unit that is known") from error


def _convert(value: float, source: str, target: str) -> float:
    with np.errstate(all="raise"):  # a logarithm of zero is an error here, and no warning
        return float(_registry().Quantity(value, source).to(target).magnitude)
