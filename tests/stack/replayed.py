"""A store of replays on the real engine, and the numbers of the replay under test."""

from connectors.sinks.clickhouse import recompute
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from streams.core.times import SECOND
from tests.stack.replay_rows import LENGTHS, Table, World, newest, put
from tests.stack.store import Bench

JOB, GENERATION, UNDO = 7, 5, 6
JOBS = (JOB, JOB + 1, JOB + 2)
"""for tests of several"""


class Replayed(Bench):
    """A database with a replay's side of it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.replay = ClickHouseReplayStore(self.settings)

    def emptied(self) -> "Replayed":
        super().emptied()
        for job in JOBS:
            self.replay.drop(job, journal=True)
        return self

    def as_before(self, table: Table) -> None:
        """The rows, and what the sink would have computed of them."""
        put(self.store, table.rows)
        for length in LENGTHS:
            slots = {(series, ts // (length * SECOND)): 1 for series, ts in table.final}
            recompute.run(self.store, recompute.windows(length, slots))
        times = {series: row[0] for series, row in newest(table.final).items()}
        recompute.run(self.store, recompute.latest(times))

    def stage(self, world: World, batches: int = 3, job: int = JOB) -> None:
        self.replay.open(job)
        for staged, checkpoint in world.batches(batches):
            self.replay.stage(job, staged, checkpoint)

    def counts(self, mode: str = "decode") -> tuple[int, int, int, int, int]:
        found = self.replay.diff(JOB, mode=mode)
        return found.added, found.removed, found.changed, found.same, self.replay.shielded(JOB)

    def close(self) -> None:
        self.replay.close()
        super().close()
