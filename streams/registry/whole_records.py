"""Write whole registry records, as a snapshot or a migration has them. Pure.

What writes them has read the registry before and says of each key what it saw there: where something else stands by now,
nothing is written. The laws of mappings and names are the caller's: ``restore`` has them from the snapshot.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from streams.core.records import LogicalDevice, PhysicalDevice
from streams.core.user_record import User
from streams.registry.state import (
    CODECS,
    GENERATIONS,
    LOGICAL,
    MAPPING,
    NOTES,
    PHYSICAL,
    REPLAYS,
    RULES,
    SIGNED_TOPICS,
    SOURCES,
    USERS,
    Author,
    Change,
    Refused,
    State,
)

KEYS = {
    PHYSICAL: "uid",
    LOGICAL: "uid",
    MAPPING: "device",
    SOURCES: "name",
    CODECS: "name",
    RULES: "id",
    USERS: "uid",
    GENERATIONS: "number",
    REPLAYS: "id",
    SIGNED_TOPICS: "topic",
    NOTES: "uid",
}
"""Topic -> the field that is its records' key."""
HELD = "held"
SHOWN = 5
"""keys named in a refusal"""


class Write(Struct, frozen=True):
    """The record that ``key`` of ``topic`` is to have (None: none), and the identity of what was seen there."""

    topic: str
    key: str
    record: Struct | None
    was: str | None = None


def identity(record: Struct | None) -> str | None:
    """What tells a record from another that came to have its key; None: there is none, or a removed one."""
    if record is None or getattr(record, "deleted_at", None) is not None:
        return None
    if isinstance(record, PhysicalDevice):
        return record.device
    if isinstance(record, LogicalDevice):
        return f"{record.name}@{record.created_at}"
    return record.username if isinstance(record, User) else HELD


def key_of(topic: str, record: Struct) -> str:
    """The key that a record has in its topic."""
    return str(getattr(record, KEYS[topic]))


def put(state: State, writes: Sequence[Write], author: Author) -> list[Change]:
    """Write all of them as they are; that ``author`` did so stands in their history.

    Raises:
        Refused: 409 another record has come to one of the keys, or to the key of one of the devices.
    """
    moved = list(_moved(state, writes))
    taken = list(_taken(state, writes))
    if moved or taken:
        some = ", ".join((moved + taken)[:SHOWN])
        more = f" and {len(moved + taken) - SHOWN} more" if len(moved + taken) > SHOWN else ""
        raise Refused(409, f"The registry has changed since it was read ({some}{more}): run the command again.")
    return [Change(w.topic, w.key, w.record, author) for w in writes]


def _moved(state: State, writes: Sequence[Write]) -> Iterator[str]:
    """Keys where another record stands; a key may be written twice, the second time after the first."""
    written: dict[tuple[str, str], Struct | None] = {}
    for write in writes:
        place = write.topic, write.key
        if identity(written[place] if place in written else _held(state, write)) != write.was:
            yield f"{write.topic} {write.key}"
        written[place] = write.record


def _held(state: State, write: Write) -> Struct | None:
    return state.record(write.topic, write.key)


def _taken(state: State, writes: Sequence[Write]) -> Iterator[str]:
    """Devices whose key, or users whose name, a record has that is not among those written."""
    written = {(w.topic, w.key) for w in writes}
    for write in writes:
        record = write.record
        if identity(record) is None:
            continue
        if isinstance(record, PhysicalDevice):
            device = state.by_key(record.device)
            if device is not None and device.uid != record.uid and (PHYSICAL, str(device.uid)) not in written:
                yield f"{record.device} is {PHYSICAL} {device.uid}"
        elif isinstance(record, User):
            user = state.user(record.username)
            if user is not None and user.uid != record.uid and (USERS, str(user.uid)) not in written:
                yield f"{record.username} is {USERS} {user.uid}"
