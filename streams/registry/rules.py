"""Rule commands: what vendors' measurement names become. A change of the rules in force opens a generation by itself."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from streams.core.names import is_name
from streams.core.records import Rule
from streams.registry.state import RULES, Author, Change, Refused, State

RULE_LIMIT = 20_000


def put(state: State, id: str, told: Mapping[str, Any], author: Author) -> list[Change]:
    """Add or replace the rule ``id``; nothing is written when it is there already just so.

    Args:
        state: the registry.
        id: a name that people give it.
        told: the other fields of ``Rule``, by their names in Python.
        author: who says so.

    Raises:
        Refused: 400 it would do nothing, a name cannot be one, a number is not finite, or nothing can be of its source
            or device; 409 there are too many, or another one is for the same name, source, model and device.
    """
    rule = Rule(id=id, **told, **author.stamp())
    if (fault := _fault(rule) or _stranger(rule, state)) is not None:
        raise Refused(400, fault)
    held = state.rules.get(id)
    if held is not None and _meaning(held) == _meaning(rule):
        return []
    if held is None and len(state.rules) >= RULE_LIMIT:
        raise Refused(409, f"There are {RULE_LIMIT} rules already.")
    twin = next((other for other in state.rules.values() if other.id != id and _scope(other) == _scope(rule)), None)
    if twin is not None:
        raise Refused(409, f"Rule {twin.id} is for the same measurement, source, model and device.")
    return [Change(RULES, id, rule)]


def remove(state: State, id: str, author: Author) -> list[Change]:
    """Remove a rule.

    Raises:
        Refused: 404 there is none.
    """
    found(state, id)
    return [Change(RULES, id, None, author)]


def found(state: State, id: str) -> Rule:
    """The rule, or ``Refused`` 404."""
    if id not in state.rules:
        raise Refused(404, f"There is no rule {id}.")
    return state.rules[id]


def _fault(rule: Rule) -> str | None:
    names = (rule.id, rule.measurement, *(name for name in (rule.target, rule.unit) if name))
    if not all(is_name(name) for name in names) or rule.target == "":
        return "Names are 1 to 200 characters, none of them a control character."
    if not (isfinite(rule.scale) and isfinite(rule.offset)):
        return "Scale and offset are finite numbers."
    if rule.scale == 0:
        return "A scale of 0 would make every value the same; to leave values out, drop them."
    return "It would change nothing." if _idle(rule) else None


def _stranger(rule: Rule, state: State) -> str | None:
    """A source or device that cannot be is a slip of the pen; such a rule would be in force and never apply."""
    if rule.source and rule.source not in state.sources:
        return f"There is no source {rule.source}."
    if rule.device and ":" not in rule.device:
        return f"{rule.device} is no device: write its key, source:identity."
    return None


def _idle(rule: Rule) -> bool:
    same_name = rule.target in (None, rule.measurement)
    return same_name and rule.unit is None and (rule.scale, rule.offset) == (1.0, 0.0) and not rule.drop


def _scope(rule: Rule) -> tuple[str, ...]:
    return rule.measurement, rule.source, rule.model, rule.device


def _meaning(rule: Rule) -> tuple[Any, ...]:
    return *_scope(rule), rule.target, rule.unit, rule.scale, rule.offset, rule.drop
