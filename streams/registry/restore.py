"""What has to be written so that a registry becomes what a snapshot says. Pure.

Uids outlive everything: a device or user that the snapshot lacks gets a removed record, not none, so that its number is
never given again. Generations and replays speak of offsets in `raw`: they are restored beside the very log that they came
from, and even there only when the registry has lost them; numbers never go back.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from streams import avro
from streams.core.replay_record import Replay
from streams.registry.snapshot import Snapshot, Tables
from streams.registry.state import (
    CODECS,
    GENERATIONS,
    KINDS,
    LOGICAL,
    MAPPING,
    PHYSICAL,
    REPLAYS,
    RULES,
    SIGNED_TOPICS,
    SOURCES,
    USERS,
    Author,
    changed,
)
from streams.registry.whole_records import Write, identity
from streams.replay.job import Figures, Mode

OF_THE_LOG = (GENERATIONS, REPLAYS)
DECODING = (GENERATIONS, CODECS, RULES, SIGNED_TOPICS, SOURCES)
"""Written together: a generation that stood alone for a moment would differ from the codecs in force, and open another."""
MADE_BY_ITSELF = frozenset({SOURCES, GENERATIONS, REPLAYS})
"""What no person would miss, were it overwritten."""


class Counts(Struct, frozen=True):
    """What happens to the records of one topic."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0


class Plan(Struct, frozen=True):
    """``together`` is one transaction, ``writes`` come after it, in this order. ``overwrites``: what a person may miss."""

    together: list[Write]
    writes: "Writes"
    counts: dict[str, Counts]
    overwrites: int
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many records are written."""
        return len(self.together) + len(self.writes)


class Writes:
    """Made one after the other, each time they are asked for: there may be hundreds of thousands."""

    def __init__(self, make: Callable[[], Iterator[Write]], size: int) -> None:
        self._make, self._size = make, size

    def __iter__(self) -> Iterator[Write]:
        return self._make()

    def __len__(self) -> int:
        return self._size


def plan(snapshot: Snapshot, held: Tables, log: str, author: Author) -> Plan:
    """``held``: the registry as it is; ``log``: Kafka's id of its topic `raw`."""
    same_log = bool(log) and snapshot.header.log == log
    wanted = snapshot.tables if same_log else _elsewhere(snapshot.tables)
    notes = _notes(snapshot, held, same_log=same_log)
    wanted = {
        t: _of_the_log(t, wanted.get(t, {}), held.get(t, {})) if t in OF_THE_LOG else r for t, r in wanted.items()
    }
    topics = list(dict.fromkeys([*wanted, *held]))
    differing = {topic: _Difference.of(topic, wanted.get(topic, {}), held.get(topic, {})) for topic in topics}
    together = [write for topic in DECODING if topic in differing for write in differing[topic].all(author)]
    others = {topic: found for topic, found in differing.items() if topic not in DECODING}
    return Plan(
        together=together,
        writes=Writes(partial(_in_order, others, author), sum(found.size for found in others.values())),
        counts={topic: found.counts() for topic, found in differing.items()},
        overwrites=_overwrites(differing, held),
        notes=notes,
    )


class _Difference(Struct, frozen=True):
    """Of one topic; keys."""

    topic: str
    wanted: Mapping[str, bytes]
    held: Mapping[str, bytes]
    added: list[str]
    changed: list[str]
    removed: list[str]

    @classmethod
    def of(cls, topic: str, wanted: Mapping[str, bytes], held: Mapping[str, bytes]) -> "_Difference":
        added = [key for key in wanted if key not in held]
        differing = [key for key, record in wanted.items() if key in held and held[key] != record]
        keeps = topic == SOURCES or topic in OF_THE_LOG
        extra = [] if keeps else [key for key in held if key not in wanted]
        removed = [key for key in extra if identity(_decoded(topic, held[key])) is not None]
        return cls(topic, wanted, held, added, differing, removed)

    def counts(self) -> Counts:
        """For people."""
        same = sum(self.held.get(key) == record for key, record in self.wanted.items())
        return Counts(len(self.added), len(self.changed), len(self.removed), same)

    @property
    def size(self) -> int:
        """How many writes."""
        others = sum(map(self._is_another, self.changed))
        return len(self.added) + len(self.changed) + len(self.removed) + others

    def all(self, author: Author) -> Iterator[Write]:
        """Every write, removals first."""
        yield from self.removals(author)
        yield from self.puts()

    def removals(self, author: Author) -> Iterator[Write]:
        """What must be out of the way: records that go, and those whose number will be another's."""
        for key in [*self.removed, *filter(self._is_another, self.changed)]:
            record = _decoded(self.topic, self.held[key])
            gone = changed(record, author, deleted_at=author.at) if hasattr(record, "deleted_at") else None
            yield Write(self.topic, key, gone, identity(record))

    def puts(self) -> Iterator[Write]:
        """What comes. The highest numbers first, so that nothing new can take one that is still to come."""
        for key in sorted([*self.added, *self.changed], key=lambda key: (len(key), key), reverse=True):
            before = _decoded(self.topic, self.held[key]) if key in self.held and not self._is_another(key) else None
            yield Write(self.topic, key, _decoded(self.topic, self.wanted[key]), identity(before))

    def _is_another(self, key: str) -> bool:
        if self.topic not in {PHYSICAL, USERS}:
            return False
        before = identity(_decoded(self.topic, self.held[key]))
        return before is not None and before != identity(_decoded(self.topic, self.wanted[key]))


def _in_order(differing: Mapping[str, _Difference], author: Author) -> Iterator[Write]:
    """Removals, then devices, then what speaks of them; users last: whoever runs this may be one.

    Replays after mappings: a worker goes on at once with one that was under way, and would place its points by none.
    """
    last = [topic for topic in (MAPPING, REPLAYS, USERS) if topic in differing]
    first = [topic for topic in (LOGICAL, PHYSICAL) if topic in differing]
    order = [*first, *(topic for topic in differing if topic not in first + last), *last]
    for topic in reversed(order):
        yield from differing[topic].removals(author)
    for topic in order:
        yield from differing[topic].puts()


def _overwrites(differing: Mapping[str, _Difference], held: Tables) -> int:
    """Records of people that would change or go; the administrator that every installation makes is none."""
    lost = {t: len(d.changed) + len(d.removed) for t, d in differing.items() if t not in MADE_BY_ITSELF}
    users = lost.pop(USERS, 0)
    only_the_first = len(held.get(USERS, {})) <= 1
    return sum(lost.values()) + (0 if only_the_first else users)


def _of_the_log(topic: str, wanted: Mapping[str, bytes], held: Mapping[str, bytes]) -> dict[str, bytes]:
    """Generations only when the registry has lost the newest ones, replays only those that it lacks."""
    if topic == GENERATIONS:
        return dict(wanted) if max(map(int, wanted), default=0) > max(map(int, held), default=0) else {}
    return {key: _from_the_start(record) for key, record in wanted.items() if key not in held}


def _from_the_start(record: bytes) -> bytes:
    """Its places in `device-mapping` may be those of a topic that was lost: every change counts as later than it.

    But of a placement: its undo would have all places looked at, and be taken back at once.
    """
    replay = avro.decode(record, Replay)
    figures = msgspec.json.decode(replay.figures, type=Figures)
    if replay.mode == Mode.PLACE or figures.mapping_position < 0:
        return record
    told = msgspec.json.encode(replace(figures, mapping_position=0, placed_position=0))
    return avro.encode(replace(replay, figures=told.decode()))


def _elsewhere(tables: Tables) -> Tables:
    """Without what speaks of another log's offsets."""
    return {topic: _without_place(topic, records) for topic, records in tables.items() if topic not in OF_THE_LOG}


def _without_place(topic: str, records: dict[str, bytes]) -> dict[str, bytes]:
    if topic != PHYSICAL:
        return records
    return {key: avro.encode(replace(_decoded(topic, record), last_raw=None)) for key, record in records.items()}


def _notes(snapshot: Snapshot, held: Tables, *, same_log: bool) -> list[str]:
    theirs = snapshot.tables.get(GENERATIONS, {})
    if not theirs:
        return []
    if not same_log:
        left = f"{len(theirs)} generation(s) and {len(snapshot.tables.get(REPLAYS, {}))} replay(s) are left out"
        return [
            f"{left}: they speak of offsets in the log of cluster {snapshot.header.cluster}, and this is another log."
        ]
    if not _of_the_log(GENERATIONS, theirs, held.get(GENERATIONS, {})):
        return ["Generations stay as they are: the registry has all of the snapshot's, and numbers never go back."]
    return []


def _decoded(topic: str, record: bytes) -> Any:
    return avro.decode(record, KINDS[topic])
