"""Who changed what, when, why, and what it was before: written with each change, in the same transaction. Pure.

What happens all the time (when a device was last seen, where its newest message stands, who logged in) is no change.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from streams.core.registry_records import RegistryChange
from streams.registry.state import (
    HISTORY,
    LOGICAL,
    MAPPING,
    NOTES,
    PHYSICAL,
    RULES,
    SIGNED_TOPICS,
    SOURCES,
    USERS,
    Change,
    State,
)
from streams.registry.tokens import LOGIN

RECORDED = frozenset({PHYSICAL, LOGICAL, MAPPING, NOTES, RULES, SIGNED_TOPICS, SOURCES, USERS})
"""Topics with a history. Codecs, generations and replays say all of theirs themselves."""
STAMP = frozenset({"changed_at", "changed_by", "why"})
NOTICED = frozenset({"last_seen", "last_raw"})
"""What changes with every message."""
OF_A_LOGIN = frozenset({"tokens", "password"})
"""A login gives a token, and renews the password's hash when its parameters are out of date."""
SECRET = frozenset({"password", "tokens", "keys"})
HIDDEN = "(secret)"


def recorded(state: State, changes: Sequence[Change]) -> list[Change]:
    """The records of ``registry-changes`` that belong to these changes, before they are applied."""
    entries = []
    with state.tried() as attempt:
        for change in changes:
            if change.topic in RECORDED and (entry := _entry(state, change)) is not None:
                entries.append(entry)
            attempt(change)
    return entries


def _entry(state: State, change: Change) -> Change | None:
    before, after = _fields(state.record(change.topic, change.key)), _fields(change.record)
    gone = not after or after.get("deleted_at") is not None
    names = [n for n in (before | after) if n not in STAMP and before.get(n) != after.get(n)]
    if not before.keys() | after.keys() or (before and after and NOTICED.issuperset(names)):
        return None
    kind = "removed" if gone else "changed" if before else "created"
    at, by, why = _stamp(change)
    if why == LOGIN and by == after.get("username") and OF_A_LOGIN.issuperset(names):
        return None
    record = RegistryChange(
        topic=change.topic, key=change.key, kind=kind, at=at, by=by, why=why,
        before=_json(before, names), after=_json(after, names),
    )  # fmt: skip
    return Change(HISTORY, f"{change.topic}/{change.key}", record)


def _stamp(change: Change) -> tuple[int, str, str]:
    if change.author is not None:
        return change.author.at, change.author.name, change.author.why
    record: Any = change.record
    return (0, "", "") if record is None else (record.changed_at, record.changed_by, record.why)


def _fields(record: Struct | None) -> dict[str, Any]:
    return {} if record is None else msgspec.to_builtins(record, str_keys=True)


def _json(fields: dict[str, Any], names: Sequence[str]) -> str:
    shown = {name: HIDDEN if name in SECRET else fields[name] for name in names if name in fields}
    return msgspec.json.encode(shown).decode()
