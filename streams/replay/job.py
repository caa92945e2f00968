"""What a replay is: its states, what it counts, and what it found. The record of topic `replays` is ``records.Replay``."""

from enum import StrEnum

from msgspec import Struct, field


class Mode(StrEnum):
    """What is done again: all of decoding, placing only, rows that the store lost, records that ended as dead letters."""

    DECODE = "decode"
    PLACE = "place"
    RESTORE = "restore"
    DEAD_LETTERS = "dead-letters"


class State(StrEnum):
    """How far a replay is. A dry run ends in READY, where it waits for a decision."""

    QUEUED = "queued"
    SCANNING = "scanning"
    DIFFING = "diffing"
    READY = "ready"
    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    CANCELLED = "cancelled"
    FAILED = "failed"


WORKING = (State.QUEUED, State.SCANNING, State.DIFFING, State.APPLYING, State.UNDOING)
"""A runner is, or should be, busy with it."""


class Progress(Struct, frozen=True, kw_only=True):
    """Where the work stands, for a bar. ``done`` and ``total`` count ``unit``; ``rate`` is per second, ``eta_s`` -1: unknown."""

    step: str = ""
    unit: str = "raw records"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    eta_s: float = -1.0
    paused: str = ""
    """why it waits now; empty when it does not"""


class Counts(Struct, frozen=True, kw_only=True):
    """What becomes of points: keys that appear, disappear, get another content, stay."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    same: int = 0

    @property
    def differing(self) -> int:
        """Keys that would be touched."""
        return self.added + self.removed + self.changed


class Figures(Struct, frozen=True, kw_only=True):
    """What a replay found and did, kept with its record.

    ``shielded``: points that would differ but stay, because a later record outside of the replay wrote them.
    ``foreign``: raw records of generations that this code cannot stand for (mode ``restore``).
    ``left_alone``: rows that its undo did not take back, because others have taken their place since.
    """

    records: int = 0
    selected: int = 0
    readings: int = 0
    points: int = 0
    dead_letters: int = 0
    ignored: int = 0
    foreign: int = 0
    shielded: int = 0
    left_alone: int = 0
    counts: Counts = Counts()
    holes: list[str] = field(default_factory=list)
    mapping_position: int = -1
    """the offset of `device-mapping` up to which points were placed"""
    placed_position: int = -1
    """and the one up to which what stood in the store had been placed anew; what changed between, the replay placed along"""
    newest_generation: int = -1
    """when points were staged"""
    windows: int = 0
    """aggregates computed anew"""
    visible_ms: float = 0.0
    """how long the statement took that made the correction visible"""
    scan_s: float = 0.0
    diff_s: float = 0.0
    apply_s: float = 0.0
