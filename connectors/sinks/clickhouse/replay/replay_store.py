"""``ClickHouseReplayStore``: the whole of the store's side, one method a step."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.sinks.clickhouse.replay import (
    aggregates,
    delta,
    diff,
    latest,
    lookup,
    places,
    report,
    staging,
    standing,
)
from connectors.sinks.clickhouse.replay.tables import STAGED, STAGING, TABLES, Tables
from connectors.sinks.clickhouse.store import Store
from streams.core.records import DeadLetter, DeviceMapping
from streams.progress import HERE
from streams.replay.job import Counts
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.store import Difference, Sample, Staged, Totals, TouchedWindow
from streams.settings import Settings

MEGABYTE = 1 << 20
TIMEOUT_S = 4 * 3600
POLITE = {
    # live inserts and people's questions come first
    "max_threads": 1,
    "priority": 10,
    # what is sorted or grouped goes to disk rather than beyond this
    "max_bytes_before_external_sort": 256 * MEGABYTE,
    "max_bytes_before_external_group_by": 256 * MEGABYTE,
    "max_bytes_ratio_before_external_sort": 0,
    "max_bytes_ratio_before_external_group_by": 0,
    # a key never leaves its month
    "do_not_merge_across_partitions_select_final": 1,
    # devices are named in a statement, hundreds of them by up to 800 bytes, and a mapping may have thousands of steps
    "max_query_size": 64 * MEGABYTE,
}


class ClickHouseReplayStore:
    """Implements ``streams.replay.store.ReplayStore``. Not for several threads at once.

    Raises (every method): ``connectors.sinks.base.Transient`` when the store is away or refuses; do the step again.
    """

    def __init__(self, settings: Settings) -> None:
        self._store = Store(settings.clickhouse, "replay", timeout_s=TIMEOUT_S, options=POLITE, told=HERE)

    def close(self) -> None:
        """Let the connection go; safe to call twice."""
        self._store.close()

    def guard(self, check: Callable[[], None]) -> None:
        """Call ``check`` before every statement that changes something; what it raises ends the step there."""
        self._store.before = check

    # --- staging

    def open(self, job: int) -> None:
        """Make the replay's own tables, when they are not there yet.

        All of them anew when some are lost, as after a kill amid ``drop``: a checkpoint speaks for what is staged, and
        points that are not staged would be removed.
        """
        tables = self._tables(job)
        if not tables.have(*STAGED):
            tables.drop(*reversed(STAGED))
        tables.make(*STAGED)

    def checkpoint(self, job: int) -> Mapping[int, int]:
        """Raw partition -> the offset from which to go on; empty at the start."""
        return staging.checkpoint(self._tables(job))

    def stage(self, job: int, staged: Staged, checkpoint: Mapping[int, int]) -> None:
        """Keep staged rows, then the checkpoint that they lead to."""
        staging.stage(self._tables(job), staged, checkpoint)

    def totals(self, job: int) -> Totals:
        """What has been staged."""
        return staging.totals(self._tables(job))

    def stage_places(self, job: int, mappings: Sequence[DeviceMapping], selection: Selection) -> int:
        """Mode ``place``: stage the rows of these devices whose place is another now; returns how many it looked at."""
        return places.stage(self._tables(job), mappings, selection)

    def misplaced(self, mappings: Sequence[DeviceMapping]) -> int:
        """How many current rows of these devices stand at another place than their mapping says now."""
        return places.misplaced(self._store, mappings)

    def lineages(self, selection: Selection) -> Runs:
        """Raw records of which a stored point (also a hidden one) fits what ``selection`` asks of points."""
        return lookup.lineages(self._store, selection)

    def dead_letter_lineages(self, selection: Selection) -> Runs:
        """Raw records that ended as dead letters of the selection's stages and reasons."""
        return lookup.dead_letter_lineages(self._store, selection)

    def dead_letters(self, job: int) -> Sequence[DeadLetter]:
        """Dead letters of staging that are not in the store yet."""
        return staging.dead_letters(self._tables(job))

    # --- difference

    def diff(self, job: int, *, mode: str) -> Counts:
        """Compare staged rows with current ones and keep what differs; what was found before, once that is attached."""
        tables = self._tables(job)
        return diff.counts(tables) if self.attached(job) else diff.diff(tables, mode)

    def newest_generation(self, job: int) -> int:
        """The highest generation of rows where the difference lies, those too that nobody sees; 0: there are none."""
        tables = self._tables(job)
        return int(tables.store.rows(tables.statement("newest_generation"))[0][0]) if tables.have("diff") else 0

    def shielded(self, job: int) -> int:
        """How many staged points a later record outside of the replay keeps from being written."""
        return diff.shielded(self._tables(job))

    def groups(self, job: int, by: str, limit: int) -> Sequence[Difference]:
        """The diff by one of ``GROUPS``, most differing first."""
        return report.groups(self._tables(job), by, limit)

    def samples(self, job: int, limit: int) -> Sequence[Sample]:
        """Points before and after, spread over kinds and series."""
        return report.samples(self._tables(job), limit)

    # --- correction and undo

    def build(self, job: int, generation: int) -> None:
        """Make delta and undo journal of the diff, unless the delta is attached already."""
        if not self.attached(job):
            delta.build(self._tables(job), generation)

    def attach(self, job: int) -> float:
        """Make the delta visible by one atomic statement, once however often called; ms that it took (0: had happened)."""
        return delta.attach(self._tables(job), "delta", "names")

    def attached(self, job: int) -> bool:
        """Whether the delta has been made visible. Else no ``attach`` that is still under way makes it so: only one after ``build``."""
        return delta.attached(self._tables(job), "delta")

    def held(self, job: int, by: int, undos: Collection[int] = ()) -> int:
        """How much of what replay ``by`` wrote stands where this one wrote; its own: what an undo would take back."""
        return standing.held(self._tables(job), self._tables(by), undos)

    def build_undo(self, job: int, generation: int, undos: Collection[int] = ()) -> int:
        """Make the rows that take the delta back, where its rows still stand; returns how many."""
        tables = self._tables(job)
        return delta.rows(tables, "undo") if self.undo_attached(job) else delta.build_undo(tables, generation, undos)

    def left_alone(self, job: int) -> int:
        """How many rows of the delta its undo, which is built, does not take back."""
        return delta.rows(self._tables(job), "delta") - delta.rows(self._tables(job), "undo")

    def attach_undo(self, job: int) -> float:
        """As ``attach``."""
        return delta.attach(self._tables(job), "undo", "undo_names")

    def undo_attached(self, job: int) -> bool:
        """As ``attached``."""
        return delta.attached(self._tables(job), "undo")

    def delta_rows(self, job: int, *, undo: bool = False) -> Iterator[Sequence[Any]]:
        """What was written, by raw record, in the order of ``connectors.replays.corrected.Correction``."""
        return report.delta_rows(self._tables(job), _written(undo))

    # --- what follows from points

    def settle(self, job: int, windows: Iterable[int], *, undo: bool = False) -> int:
        """Compute aggregates (of these lengths, seconds) and latest points of touched series anew; how many windows."""
        tables = self._tables(job)
        latest.settle(tables, _written(undo))
        return aggregates.settle(tables, _written(undo), windows)

    def unsettled(self, job: int, windows: Iterable[int], *, undo: bool = False) -> Sequence[TouchedWindow]:
        """Windows whose aggregate a live worker wrote meanwhile; also mends `latest` where it is not the newest point."""
        tables = self._tables(job)
        latest.settle(tables, _written(undo))
        return aggregates.unsettled(tables, _written(undo), windows)

    def optimise(self, job: int, *, undo: bool = False) -> None:
        """Merge the touched months, so that FINAL is fast again; may take long."""
        delta.optimise(self._tables(job), _written(undo))

    def drop(self, job: int, *, journal: bool) -> None:
        """Remove the replay's tables; ``journal`` False keeps what an undo needs."""
        self._tables(job).drop(*(TABLES if journal else STAGING))

    def jobs(self) -> set[int]:
        """The replays that have tables."""
        named = "SELECT splitByChar('_', name)[2] FROM system.tables WHERE database = currentDatabase()"
        found = self._store.rows(f"{named} AND match(name, '^replay_[0-9]+_')")
        return {int(job) for (job,) in found}

    def _tables(self, job: int) -> Tables:
        return Tables(self._store, job)


def _written(undo: bool) -> str:  # noqa: FBT001 - the caller's own word
    return "undo" if undo else "delta"
