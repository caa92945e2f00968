"""Normalisation rules: which one applies to a value."""

from collections.abc import Iterable

from streams.core.records import Rule


class Rules:
    """The rules in force, indexed by the vendor's measurement name."""

    def __init__(self, records: Iterable[Rule] = ()) -> None: ...
