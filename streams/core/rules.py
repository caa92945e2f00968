"""Normalisation rules: which one applies to a value."""

from collections import defaultdict
from collections.abc import Iterable

from streams.core.message import Sender
from streams.core.records import Rule
from streams.core.vocabulary import find


class Rules:
    """The rules in force, indexed by the vendor's measurement name; falsy when there are none.

    Of several that match, the one for the device counts, else for the model, else for the source, else the general
    one; of equals the one with the lowest id.
    """

    def __init__(self, records: Iterable[Rule] = ()) -> None:
        by_name: dict[str, list[Rule]] = defaultdict(list)
        for rule in sorted(records, key=_rank):
            by_name[rule.measurement].append(rule)
        self._by_name = dict(by_name)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def find(self, name: str, source: str, sender: Sender) -> Rule | None:
        """The rule for a value called ``name`` from this sender."""
        for rule in self._by_name.get(name, ()):
            if rule.device in ("", sender.device) and rule.model in ("", sender.model) and rule.source in ("", source):
                return rule
        return None


def named(rule: Rule, name: str, unit: str) -> tuple[str, str]:
    """What the rule calls a value, and in which unit: the rule's, else that of the standard name, else the value's."""
    target = rule.target or name
    if rule.unit is not None:
        return target, rule.unit
    standard = find(rule.target) if rule.target else None
    return target, unit if standard is None else standard.unit


def _rank(rule: Rule) -> tuple[bool, bool, bool, str]:
    return not rule.device, not rule.model, not rule.source, rule.id
