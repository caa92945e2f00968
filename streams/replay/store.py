"""What a replay needs of a store. ClickHouse's side of it: ``connectors/sinks/clickhouse/replay``.

Every step may be repeated: a replay that was killed does the step again and gets the same. Live rows are never locked,
and nothing but ``attach`` and ``settle`` touches a live table. Rows of a replay: the staged ones (decoded again), the
*delta* (what has to be written: changed and added rows, and tombstones at keys that must go), the *undo* (what stood at
the delta's keys before).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from streams.core.records import DeadLetter, DeviceMapping
from streams.replay.job import Counts
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.rows import Run


class SeriesName(Struct, frozen=True):
    """What a staged series is called; ``first_seen`` in ns, ``partition`` and ``offset``: the raw record it is told by."""

    device: str
    name: str
    unit: str
    source: str
    first_seen: int
    partition: int
    offset: int


class Staged(Struct, kw_only=True):
    """Raw records decoded again, as columns of points; ``logical_uid`` 0 and ``text`` "" stand for none.

    ``version``: as the live decoder would have written it; the replay's own rows get the replay's generation instead.
    ``runs``: points besides the columns, each run with its codec. ``selected``: lineages of the raw records that are replayed, also of those without a point now.
    """

    series_id: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    logical_uid: list[int] = field(default_factory=list)
    version: list[int] = field(default_factory=list)
    codec: list[str] = field(default_factory=list)
    runs: list[tuple[Run, str]] = field(default_factory=list)
    names: dict[int, SeriesName] = field(default_factory=dict)
    selected: Runs = field(default_factory=Runs)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    records: int = 0
    readings: int = 0
    ignored: int = 0
    foreign: int = 0

    @property
    def rows(self) -> int:
        """How many points there are."""
        return len(self.ts) + sum(len(run) for run, _ in self.runs)


class Totals(Struct, frozen=True, kw_only=True):
    """What has been staged, all batches together. ``points``: keys; ``selected``: raw records that are replayed."""

    records: int
    selected: int
    readings: int
    points: int
    dead_letters: int
    ignored: int
    foreign: int


class Difference(Struct, frozen=True, kw_only=True):
    """The diff of one group of points. ``mean_change`` and ``largest_change`` are of numbers that stay numbers."""

    group: str
    counts: Counts
    mean_change: float | None = None
    largest_change: float | None = None


class Sample(Struct, frozen=True, kw_only=True):
    """One point before and after; ``kind``: added, removed, changed. Values as people read them; uid 0: unmapped."""

    kind: str
    device: str
    name: str
    time: int
    before: str
    after: str
    before_uid: int
    after_uid: int
    partition: int
    offset: int


class TouchedWindow(Struct, frozen=True):
    """A window that live data changed while the replay computed it: the sink has to compute it once more."""

    device: str
    name: str
    unit: str
    window: int
    start: int


GROUPS = ("device", "measurement", "codec", "day")


class ReplayStore(Protocol):
    """One replay's side of the store; ``job`` is the replay's id everywhere.

    Raises (every method): ``Transient``-like errors of the implementation when the store is away; try again.
    """

    def guard(self, check: Callable[[], None]) -> None:
        """Call ``check`` before every statement that changes something; what it raises ends the step there."""

    def open(self, job: int) -> None:
        """Make the replay's own tables, when they are not there yet."""

    def checkpoint(self, job: int) -> Mapping[int, int]:
        """Raw partition -> the offset from which to go on; empty at the start."""

    def stage(self, job: int, staged: Staged, checkpoint: Mapping[int, int]) -> None:
        """Keep staged rows, then the checkpoint that they lead to."""

    def totals(self, job: int) -> Totals:
        """What has been staged."""

    def stage_places(self, job: int, mappings: Sequence[DeviceMapping], selection: Selection) -> int:
        """Mode ``place``: stage the rows of these devices whose place is another now; returns how many rows it looked at."""

    def misplaced(self, mappings: Sequence[DeviceMapping]) -> int:
        """How many current rows of these devices stand at another place than their mapping says now."""

    def lineages(self, selection: Selection) -> Runs:
        """Raw records of which a stored point (also a hidden one) fits what ``selection`` asks of points."""

    def dead_letter_lineages(self, selection: Selection) -> Runs:
        """Raw records that ended as dead letters of the selection's stages and reasons."""

    def diff(self, job: int, *, mode: str) -> Counts:
        """Compare staged rows with current ones and keep what differs; returns the counts."""

    def newest_generation(self, job: int) -> int:
        """The highest generation of rows where the difference lies, those too that nobody sees; 0: there are none."""

    def shielded(self, job: int) -> int:
        """How many staged points a later record outside of the replay keeps from being written."""

    def groups(self, job: int, by: str, limit: int) -> Sequence[Difference]:
        """The diff by one of ``GROUPS``, most differing first."""

    def samples(self, job: int, limit: int) -> Sequence[Sample]:
        """Points before and after, spread over kinds and series."""

    def build(self, job: int, generation: int) -> None:
        """Make delta and undo of the diff, at this generation (restore: at the staged versions)."""

    def attach(self, job: int) -> float:
        """Make the delta visible by one atomic statement, once however often called; ms that it took (0: had happened)."""

    def attached(self, job: int) -> bool:
        """Whether the delta has been made visible. Else no ``attach`` that is still under way makes it so: only one after ``build``."""

    def held(self, job: int, by: int, undos: Collection[int] = ()) -> int:
        """How many rows and names that replay ``by`` wrote stand where ``job`` wrote, too; 0 when one is not kept any more.

        By itself: what an undo would take back. ``undos``: generations of undos, which put rows back as they were.
        """

    def build_undo(self, job: int, generation: int, undos: Collection[int] = ()) -> int:
        """Make the rows that take the delta back, where its rows still stand; returns how many."""

    def left_alone(self, job: int) -> int:
        """How many rows of the delta its undo, which is built, does not take back."""

    def attach_undo(self, job: int) -> float:
        """As ``attach``."""

    def undo_attached(self, job: int) -> bool:
        """As ``attached``."""

    def settle(self, job: int, windows: Iterable[int], *, undo: bool = False) -> int:
        """Compute aggregates (of these lengths, seconds) and latest points of touched series anew; how many windows."""

    def unsettled(self, job: int, windows: Iterable[int], *, undo: bool = False) -> Sequence[TouchedWindow]:
        """Windows whose aggregate a live worker wrote meanwhile; also mends `latest` where it is not the newest point."""

    def optimise(self, job: int, *, undo: bool = False) -> None:
        """Merge the touched months, so that FINAL is fast again; may take long."""

    def dead_letters(self, job: int) -> Sequence[DeadLetter]:
        """Dead letters of staging that are not in the store yet."""

    def drop(self, job: int, *, journal: bool) -> None:
        """Remove the replay's tables; ``journal`` False keeps what an undo needs."""
