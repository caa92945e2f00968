"""Who changed what, when, why, and what it was before: written with each change, in the same transaction. Pure.

What happens all the time (a device was seen, a user logged in) is no change: it leaves the record's stamp as it was.
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
    Author,
    Change,
    State,
)
from streams.registry.tokens import LOGIN

RECORDED = frozenset({PHYSICAL, LOGICAL, MAPPING, NOTES, RULES, SIGNED_TOPICS, SOURCES, USERS})
"""Topics with a history. Codecs, generations and replays say all of theirs themselves."""
STAMP = frozenset({"changed_at", "changed_by", "why"})
NOTICED = frozenset({"last_seen", "last_raw"})
"""What changes with every message."""
TOLD = frozenset({"source_ids", "properties"})
"""What messages may change, too; then the record's stamp stays as it was."""
OF_A_LOGIN = frozenset({"tokens", "password"})
"""A login gives a token, and renews the password's hash when its parameters are out of date."""
SECRET = frozenset({"password", "tokens", "keys"})
HIDDEN = "(secret)"

Fields = dict[str, Any]
Stamp = tuple[int, str, str]
"""When (ns), who, why."""


def recorded(state: State, changes: Sequence[Change]) -> list[Change]:
    """The records of ``registry-changes`` that belong to these changes, before they are applied."""
    entries = []
    with state.tried() as attempt:
        for change in changes:
            if change.topic in RECORDED and (entry := _entry(state, change)) is not None:
                entries.append(entry)
            attempt(change)
    return entries


def told(state: State, topic: str, key: str) -> list[RegistryChange]:
    """Everything that was changed of a record, newest first, down to its creation; empty when there never was one.

    What was created is put together from what it became and what each change says that it was before.
    """
    changes, record = state.history(topic, key), state.record(topic, key)
    if (not changes and record is None) or (changes and changes[-1].kind == "created"):
        return changes
    fields = _shown(_fields(record))
    for change in changes:
        fields |= msgspec.json.decode(change.before, type=Fields)
    at, by, why = _stamp(record) if not changes else (changes[-1].was_at, changes[-1].was_by, changes[-1].was_why)
    created = RegistryChange(
        topic=topic, key=key, kind="created", at=at, by=by, why=why, before="{}", after=_json(fields)
    )
    return [*changes, created]


def _entry(state: State, change: Change) -> Change | None:
    known = state.record(change.topic, change.key)
    before, after = _fields(known), _fields(change.record)
    gone = not after or after.get("deleted_at") is not None
    names = [n for n in (before | after) if n not in STAMP | NOTICED and before.get(n) != after.get(n)]
    at, by, why = _stamp(change.record, change.author)
    if known is None:
        if gone or not state.history(change.topic, change.key):
            return None
    elif not gone and _is_nobodys(set(names), _stamp(known), (at, by, why), after):
        return None
    was_at, was_by, was_why = _stamp(known)
    record = RegistryChange(
        topic=change.topic,
        key=change.key,
        kind="removed" if gone else "created" if known is None else "changed",
        at=at,
        by=by,
        why=why,
        was_at=was_at,
        was_by=was_by,
        was_why=was_why,
        before=_json(_shown(before) if gone else _only(before, names)),
        after="{}" if gone else _json(_only(after, names)),
    )
    return Change(HISTORY, f"{change.topic}/{change.key}", record)


def _is_nobodys(names: set[str], before: Stamp, now: Stamp, after: Fields) -> bool:
    """Whether nobody would ask who did it: a message, or a login."""
    if now[1:] == (after.get("username"), LOGIN) and names <= OF_A_LOGIN:
        return True
    return not names or (now == before and names <= TOLD)


def _stamp(record: Any, author: Author | None = None) -> Stamp:
    if author is not None:
        return author.at, author.name, author.why
    return (0, "", "") if record is None else (record.changed_at, record.changed_by, record.why)


def _fields(record: Struct | None) -> Fields:
    return {} if record is None else msgspec.to_builtins(record, str_keys=True)


def _shown(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name not in STAMP | NOTICED}


def _only(fields: Fields, names: Sequence[str]) -> Fields:
    return {name: fields[name] for name in names if name in fields}


def _json(fields: Fields) -> str:
    return msgspec.json.encode({n: HIDDEN if n in SECRET else value for n, value in fields.items()}).decode()
