"""What a trace finds, stage by stage; times are ns since the epoch, UTC."""

from msgspec import Struct, field

from streams.core.records import DeadLetter, Lineage, RawRecord, Reading


class Raw(Struct, frozen=True, kw_only=True):
    """The raw record. ``held_by``: where it was read, empty when nobody has it; ``fault``: why it cannot be opened."""

    held_by: str
    appended_at: int | None = None
    record: RawRecord | None = None
    fault: str = ""


class Decoding(Struct, frozen=True, kw_only=True):
    """What this code makes of the record now, by the mapping as it is now.

    ``generation``: the one that this code decodes it in; None: it must not. ``live_generation``: the one in force there.
    """

    generation: int | None
    live_generation: int | None
    live_is_ours: bool
    readings: list[Reading] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class Logged(Struct, frozen=True):
    """A reading in topic `readings`."""

    partition: int
    offset: int
    appended_at: int
    reading: Reading


class Row(Struct, frozen=True, kw_only=True):
    """A row of `points`, whether it is shown or not."""

    series_id: int
    time: int
    value: float | None
    text: str
    quality: int
    logical_uid: int
    generation: int
    raw_partition: int
    raw_offset: int
    deleted: bool


class StoredPoint(Struct, frozen=True, kw_only=True):
    """One (series, time) that the record has or had a say in.

    ``expected``: decoding gives it now. ``shown``: the row that people see, None when there is none. ``own``: the
    record's rows that are still there (merging removes masked ones). ``verdict``: current, masked, withdrawn, missing.
    """

    device: str
    name: str
    time: int
    expected: bool
    verdict: str
    why: str
    shown: Row | None
    own: list[Row]


class Window(Struct, frozen=True, kw_only=True):
    """An aggregate that a point is in; ``count`` 0: there is none."""

    device: str
    name: str
    window_s: int
    start: int
    count: int
    mean: float | None
    generation: int


class Latest(Struct, frozen=True, kw_only=True):
    """The latest value of a series of the record; ``is_ours``: it is the record's own point."""

    device: str
    name: str
    time: int
    is_ours: bool


class Passed(Struct, frozen=True, kw_only=True):
    """Whether a reader's committed offset is past a record of the trace; ``committed`` -1: it never committed."""

    group: str
    topic: str
    partition: int
    offset: int
    committed: int

    @property
    def past(self) -> bool:
        """Whether it has done its work on the record."""
        return self.committed > self.offset


class Covering(Struct, frozen=True, kw_only=True):
    """A replay that the record was, or may have been, in."""

    id: int
    mode: str
    state: str
    generation: int | None
    undo_generation: int | None
    certain: bool
    why: str


class Trace(Struct, kw_only=True):
    """All that was found of one raw record.

    ``searched``: where was looked, and how far. ``faults``: what did not answer.
    """

    lineage: Lineage
    raw: Raw
    decoding: Decoding | None = None
    readings: list[Logged] = field(default_factory=list)
    points: list[StoredPoint] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    latest: list[Latest] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    replays: list[Covering] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
