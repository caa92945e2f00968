"""The standard measurement names, with units and plausible ranges: data in ``vocabulary.toml``, part of the code hash.

Nobody has to use them: other names pass as they are. A number is judged only when both its name and its unit are the
vocabulary's, so that a vendor's ``battery`` in percent is not taken for volts.
"""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from math import inf, nextafter
from typing import Literal

import msgspec
from msgspec import Struct


class Standard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One standard name. ``min`` and ``max`` bound what is plausible, both included; ``below`` excludes itself."""

    name: str
    about: str
    unit: str = ""
    kind: Literal["number", "flag", "text"] = "number"
    texts: tuple[str, ...] = ()
    min: float = -inf
    max: float = inf
    below: float = inf
    normalised: bool = False


class Vocabulary(Struct, frozen=True, forbid_unknown_fields=True):
    """All of ``vocabulary.toml``; ``version`` goes up with each change of it."""

    version: int
    measurement: tuple[Standard, ...]


VOCABULARY = msgspec.convert(tomllib.loads((files("streams.core") / "vocabulary.toml").read_text("utf-8")), Vocabulary)
STANDARDS = {standard.name: standard for standard in VOCABULARY.measurement}
_NUMBERED = re.compile(r"(.+)_(?:[2-9]|[1-9][0-9]{1,2})").fullmatch


@lru_cache(maxsize=4096)
def find(name: str) -> Standard | None:
    """The standard with this name; ``air.temperature_2`` is a device's second ``air.temperature``."""
    found = STANDARDS.get(name)
    if found is None and (numbered := _NUMBERED(name)) is not None:
        return STANDARDS.get(numbered[1])
    return found


@lru_cache(maxsize=4096)
def plausible(name: str, unit: str) -> tuple[float, float] | None:
    """The lowest and highest plausible number; None: nobody says."""
    found = find(name)
    if found is None or found.unit != unit or found.kind != "number":
        return None
    return found.min, min(found.max, nextafter(found.below, -inf))
