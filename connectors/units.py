"""Unit conversions for rules, with pint: once, when a rule is made; a rule itself is scale and offset."""

from collections.abc import Mapping
from functools import cache
from math import isclose
from typing import Any

import numpy as np
import pint

from streams.core.vocabulary import find

PROBES = (-40.0, 37.0, 1000.0)
"""Values that a linear conversion must agree with."""


class NoConversion(Exception):
    """One sentence that says why there is no scale and offset."""


def computed(unit_from: str, told: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Unit, scale and offset of a rule for values in the vendor's unit.

    Args:
        unit_from: the vendor's unit.
        told: what is said of the rule: its unit may be, scale and offset must not be.
        name: what the rule calls the value; a standard name brings a unit.

    Raises:
        NoConversion: there is no unit, scale or offset are said too, or as ``linear``.
    """
    standard = find(name)
    unit = told.get("unit") or (standard.unit if standard else "")
    if not unit:
        raise NoConversion(f"{unit_from} becomes what? Give a unit, or a name of `isthmus vocabulary` that has one")
    if (told.get("scale", 1.0), told.get("offset", 0.0)) != (1.0, 0.0):
        raise NoConversion("unit_from computes scale and offset: do not give them too")
    scale, offset = linear(unit_from, unit)
    return {"unit": unit, "scale": scale, "offset": offset}


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
