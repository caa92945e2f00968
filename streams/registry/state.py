"""The registry folded from its topics: what there is now, found by every name it has. Pure; the topics are the truth.

Commands (``devices``, ``mappings``, ``sightings``, ``users``, ``generations``) read a state and answer changes; only the
log's reader applies changes, in the order of the log.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from streams.core.codec_record import Codec
from streams.core.records import DeviceMapping, Generation, Interval, LogicalDevice, PhysicalDevice, Rule, Source
from streams.core.registry_records import DeviceNote, RegistryChange, Request
from streams.core.replay_record import Replay
from streams.core.signed_topic import SignedTopic
from streams.core.user_record import User

PHYSICAL, LOGICAL, MAPPING = "physical-devices", "logical-devices", "device-mapping"
SOURCES, CODECS, RULES, USERS, GENERATIONS = "sources", "codecs", "rules", "users", "generations"
REPLAYS, SIGNED_TOPICS, NOTES, REQUESTS = "replays", "signed-topics", "device-notes", "requests"
HISTORY = "registry-changes"
STREAMS = "isthmus"
"""Stands as author of what nobody did: what messages tell, and the registry's own chores."""
NUMBERED = frozenset({PHYSICAL, LOGICAL, USERS, GENERATIONS, REPLAYS, NOTES})
"""Topics whose keys are numbers."""
R = TypeVar("R", bound=Struct)

KINDS: dict[str, type[Struct]] = {
    PHYSICAL: PhysicalDevice,
    LOGICAL: LogicalDevice,
    MAPPING: DeviceMapping,
    SOURCES: Source,
    CODECS: Codec,
    RULES: Rule,
    USERS: User,
    GENERATIONS: Generation,
    REPLAYS: Replay,
    SIGNED_TOPICS: SignedTopic,
    NOTES: DeviceNote,
    REQUESTS: Request,
}
"""The registry's compacted topics and what their records are."""
RECORDS: dict[str, type[Struct]] = KINDS | {HISTORY: RegistryChange}
"""Every topic that the registry is read from; of ``registry-changes`` each record counts, not only the last of a key."""


class Refused(Exception):
    """A command that the registry's rules forbid; ``status`` is the HTTP status that says so."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Author(Struct, frozen=True):
    """Who changes something, when (ns since the epoch), and why."""

    name: str
    at: int
    why: str = ""

    def stamp(self) -> dict[str, Any]:
        """The fields that every registry record carries about its last change."""
        return {"changed_at": self.at, "changed_by": self.name, "why": self.why}


class Change(Struct, frozen=True):
    """One record to write: the new value of ``key`` in ``topic``; None removes it, and then ``author`` says who did."""

    topic: str
    key: str
    record: Struct | None
    author: Author | None = None


Command = Callable[["State"], Sequence[Change]]
"""Decides on a state what to write; raises ``Refused``. Pure, quick, and not kept."""


class State:
    """Everything that is registered. Removed devices and users are not in it, but their uids are never given again."""

    def __init__(self) -> None:
        self.physical: dict[int, PhysicalDevice] = {}
        self.logical: dict[int, LogicalDevice] = {}
        self.mappings: dict[str, DeviceMapping] = {}
        self.sources: dict[str, Source] = {}
        self.codecs: dict[str, Codec] = {}
        self.rules: dict[str, Rule] = {}
        self.users: dict[int, User] = {}
        self.generations: dict[int, Generation] = {}
        self.replays: dict[int, Replay] = {}
        self.signed_topics: dict[str, SignedTopic] = {}
        self.notes: dict[int, DeviceNote] = {}
        self.requests: dict[str, Request] = {}
        self._held: dict[str, dict[Any, Any]] = {
            PHYSICAL: self.physical,
            LOGICAL: self.logical,
            MAPPING: self.mappings,
            SOURCES: self.sources,
            CODECS: self.codecs,
            RULES: self.rules,
            USERS: self.users,
            GENERATIONS: self.generations,
            REPLAYS: self.replays,
            SIGNED_TOPICS: self.signed_topics,
            NOTES: self.notes,
            REQUESTS: self.requests,
        }
        self._highest_uid = {PHYSICAL: 0, LOGICAL: 0, USERS: 0, NOTES: 0}
        self._ordered: dict[str, list[int]] = {}
        """Made when it is asked for, gone when a device comes or goes."""
        self._notes_by_device: dict[int, set[int]] = {}
        self._history: dict[str, list[bytes]] = {}
        self._physical_by_key: dict[str, int] = {}
        self._devices_by_logical: dict[int, tuple[str, ...]] = {}
        self._user_by_name: dict[str, int] = {}
        self._user_by_token: dict[str, int] = {}

    def apply(self, change: Change) -> None:
        """Fold one record of the log."""
        match change.topic:
            case "physical-devices":
                self._apply_physical(int(change.key), change.record)
            case "logical-devices":
                self._keep(LOGICAL, self.logical, int(change.key), change.record)
            case "device-mapping":
                self._apply_mapping(change.key, change.record)
            case "users":
                self._apply_user(int(change.key), change.record)
            case "device-notes":
                self._apply_note(int(change.key), change.record)
            case "registry-changes":
                # Packed: there may be hundreds of thousands, and few are ever looked at.
                self._history.setdefault(change.key, []).append(msgspec.msgpack.encode(change.record))
            case named:
                _set(self._held[named], int(change.key) if named in NUMBERED else change.key, change.record)

    @contextmanager
    def tried(self) -> Iterator[Callable[[Change], None]]:
        """Apply changes to see what else may be decided on them; at the end all of them are taken back."""
        undo: list[Change] = []
        uids = dict(self._highest_uid)

        def attempt(change: Change) -> None:
            undo.append(Change(change.topic, change.key, self.record(change.topic, change.key)))
            self.apply(change)

        try:
            yield attempt
        finally:
            for change in reversed(undo):
                self.apply(change)
            self._highest_uid = uids

    def record(self, topic: str, key: str) -> Struct | None:
        """The record of a compacted topic; None where there is none, or a removed one."""
        held = self._held[topic]
        return held.get(int(key) if topic in NUMBERED else key)

    def devices(self, topic: str) -> Mapping[int, Any]:
        """Physical or logical devices, by uid."""
        return self._held[topic]

    def uids(self, topic: str) -> Sequence[int]:
        """The uids of physical or logical devices, ascending."""
        if topic not in self._ordered:
            self._ordered[topic] = sorted(self._held[topic])
        return self._ordered[topic]

    def next_uid(self, topic: str) -> int:
        """The next uid of physical devices, logical devices, users or notes: one more than was ever given out."""
        return self._highest_uid[topic] + 1

    def physical_device(self, uid: int) -> PhysicalDevice:
        """The physical device, or ``Refused`` 404."""
        return _found(self.physical, uid, "physical device")

    def logical_device(self, uid: int) -> LogicalDevice:
        """The logical device, or ``Refused`` 404."""
        return _found(self.logical, uid, "logical device")

    def by_key(self, device: str) -> PhysicalDevice | None:
        """The physical device with this device key."""
        return self.physical.get(self._physical_by_key.get(device, 0))

    def mapping_of(self, device: PhysicalDevice) -> DeviceMapping:
        """The device's mapping; one without intervals when nothing was ever mapped."""
        return self.mappings.get(device.device) or DeviceMapping(device=device.device, physical_uid=device.uid)

    def feeding(self, logical_uid: int) -> Iterator[tuple[DeviceMapping, Interval]]:
        """Every interval, past, present and future, in which some device feeds this logical device."""
        for device in sorted(self._devices_by_logical.get(logical_uid, ())):
            mapping = self.mappings[device]
            yield from ((mapping, interval) for interval in mapping.intervals if interval.logical_uid == logical_uid)

    def notes_of(self, physical_uid: int) -> list[DeviceNote]:
        """A physical device's notes, oldest first."""
        notes = [self.notes[uid] for uid in self._notes_by_device.get(physical_uid, ())]
        return sorted(notes, key=lambda note: (note.at, note.uid))

    def history(self, topic: str, key: str) -> list[RegistryChange]:
        """Every recorded change of one record, newest first; see ``history.told``."""
        packed = self._history.get(f"{topic}/{key}", ())
        return [msgspec.msgpack.decode(one, type=RegistryChange) for one in reversed(packed)]

    def user(self, name: str) -> User | None:
        """The user with this name."""
        return self.users.get(self._user_by_name.get(name, 0))

    def bearer(self, token_hash: str) -> User | None:
        """The user whom this token was given to."""
        return self.users.get(self._user_by_token.get(token_hash, 0))

    def newest_generation(self) -> Generation | None:
        """The generation with the highest number."""
        return self.generations[max(self.generations)] if self.generations else None

    def _apply_physical(self, uid: int, record: Any) -> None:
        before = self.physical.get(uid)
        if before is not None and self._physical_by_key.get(before.device) == uid:
            del self._physical_by_key[before.device]
        self._keep(PHYSICAL, self.physical, uid, record)
        if uid in self.physical:
            self._physical_by_key[record.device] = uid

    def _apply_mapping(self, device: str, record: Any) -> None:
        before: DeviceMapping | None = self.mappings.get(device)
        for logical in _logical_uids(before):
            kept = tuple(one for one in self._devices_by_logical[logical] if one != device)
            self._devices_by_logical[logical] = kept
        _set(self.mappings, device, record)
        for logical in _logical_uids(record):
            self._devices_by_logical[logical] = (*self._devices_by_logical.get(logical, ()), device)

    def _apply_user(self, uid: int, record: Any) -> None:
        before = self.users.get(uid)
        if before is not None:
            self._user_by_name.pop(before.username, None)
            for token in before.tokens:
                self._user_by_token.pop(token.hash, None)
        self._keep(USERS, self.users, uid, record)
        if uid in self.users:
            self._user_by_name[record.username] = uid
            self._user_by_token.update((token.hash, uid) for token in record.tokens)

    def _apply_note(self, uid: int, record: Any) -> None:
        before = self.notes.get(uid)
        if before is not None:
            self._notes_by_device[before.physical_uid].discard(uid)
        self._keep(NOTES, self.notes, uid, record)
        if uid in self.notes:
            self._notes_by_device.setdefault(record.physical_uid, set()).add(uid)

    def _keep(self, topic: str, held: dict[int, Any], uid: int, record: Any) -> None:
        self._highest_uid[topic] = max(self._highest_uid[topic], uid)
        count = len(held)
        _set(held, uid, None if record is None or record.deleted_at is not None else record)
        if len(held) != count:
            self._ordered.pop(topic, None)


def changed(record: R, author: Author, **fields: Any) -> R:
    """The record with other fields, stamped by its author."""
    return msgspec.structs.replace(record, **fields, **author.stamp())


def _set(held: dict[Any, Any], key: Any, record: Struct | None) -> None:
    if record is None:
        held.pop(key, None)
    else:
        held[key] = record


def _found(held: Mapping[int, R], uid: int, what: str) -> R:
    if uid not in held:
        raise Refused(404, f"There is no {what} with uid {uid}.")
    return held[uid]


def _logical_uids(mapping: DeviceMapping | None) -> Iterable[int]:
    return {interval.logical_uid for interval in mapping.intervals} if mapping else ()
