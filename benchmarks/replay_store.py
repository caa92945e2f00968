"""Replays in the store: how fast it compares, how long a correction takes to show, and whether anybody sees a mix.

A store of its own with rows of several months; readers poll and live rows collide with the correction while it is made
visible and taken back. `python -m benchmarks.replay_store` prints the figures of the store that the settings name.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from threading import Event, Thread

from msgspec import Struct

from benchmarks.result import Result, show
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from connectors.sinks.clickhouse.store import Store
from streams import settings
from streams.replay.runs import Runs
from streams.replay.store import Staged
from streams.settings import Settings

SERIES, PER_RECORD, READERS = 2000, 4, 3
MEGABYTE = 1 << 20
ROWS = """
SELECT
    cityHash64(number % {series}) AS series_id,
    toDateTime64('2026-08-10 00:00:00', 9, 'UTC') + toIntervalSecond({every_s} * intDiv(number, {series})) AS ts,
    {value} AS value,
    bitOr(bitShiftLeft(toUInt64({generation}), 46), bitShiftLeft(intDiv(number, {per_record}), 8)) AS version
FROM numbers({rows})
"""


class Comparing(Struct, frozen=True):
    """Comparing ``rows`` staged points with as many stored ones. ``memory``: MB of the largest statement."""

    rows: int
    seconds: float
    memory: float
    differing: int


class Showing(Struct, frozen=True):
    """Making a correction of ``rows`` rows in ``months`` months visible. ``final_ms``: reading before, after, merged."""

    rows: int
    months: int
    apply_ms: list[float]
    undo_ms: list[float]
    polls: int
    mixes: int
    lost: int
    live: int
    final_ms: tuple[float, float, float]


class World:
    """A database with points, and a replay over them."""

    def __init__(self, target: Settings) -> None:
        self.database = "bench_" + uuid.uuid4().hex[:8]
        clickhouse = target.clickhouse.model_copy(update={"database": self.database})
        self.settings = target.model_copy(update={"clickhouse": clickhouse})
        migrate(self.settings.clickhouse)
        self.store, self.replay = Store(self.settings.clickhouse, "benchmark"), ClickHouseReplayStore(self.settings)
        self.jobs = 0

    def fill(self, rows: int, every_s: int) -> None:
        """``rows`` points of value 1, one each ``every_s`` seconds of each series."""
        self.rows, self.every_s = rows, every_s
        self._insert("points", "1.0", rows)
        self.store.command("OPTIMIZE TABLE points FINAL")

    def stage(self, value: str, rows: int) -> int:
        """A replay that covers everything and gives ``value`` for the first ``rows`` points; its number."""
        self.jobs += 1
        self.replay.open(self.jobs)
        self._insert(f"replay_{self.jobs}_staged", value, rows)
        records = Runs([(0, 0, rows // PER_RECORD - 1)])
        self.replay.stage(self.jobs, Staged(selected=records), {0: rows // PER_RECORD})
        return self.jobs

    def close(self) -> None:
        self.replay.close()
        self.store.command(f"DROP DATABASE `{self.database}`")
        self.store.close()

    def _insert(self, table: str, value: str, rows: int) -> None:
        select = ROWS.format(
            series=SERIES, every_s=self.every_s, value=value, generation=1, per_record=PER_RECORD, rows=rows
        )
        self.store.command(f"INSERT INTO {table} (series_id, ts, value, version) {select}")


@contextmanager
def world(target: Settings) -> Iterator[World]:
    made = World(target)
    try:
        yield made
    finally:
        made.close()


def compare(target: Settings, rows: int) -> Comparing:
    """One point in fifty has another value."""
    with world(target) as made:
        made.fill(rows, 3600)
        job = made.stage("if(cityHash64(number) % 50 = 0, 2.0, 1.0)", rows)
        began = time.perf_counter()
        with peak_memory(made.store) as memory:
            counts = made.replay.diff(job, mode="decode")
        return Comparing(rows, time.perf_counter() - began, memory[0], counts.differing)


def expose(target: Settings, rows: int, corrected: int, polls: int) -> Showing:
    """Correct the first ``corrected`` of ``rows`` points and take it back, again and again, until ``polls`` were made."""
    with world(target) as made:
        made.fill(rows, 86_400 * 90 // (corrected // SERIES))
        apply_ms: list[float] = []
        undo_ms: list[float] = []
        generation, months = 1, 0
        with Watch(made, corrected) as watch:
            before = final_ms(made.store)
            while watch.polls < polls or not apply_ms:
                generation += 2
                job = made.stage(f"{generation}.0", corrected)
                made.replay.diff(job, mode="decode")
                made.replay.build(job, generation)
                watch.turn()
                apply_ms.append(made.replay.attach(job))
                watch.turn()
                after = final_ms(made.store)
                made.replay.build_undo(job, generation + 1)
                undo_ms.append(made.replay.attach_undo(job))
                watch.turn()
                months = made.store.rows(f"SELECT uniqExact(toYYYYMM(ts)) FROM replay_{job}_delta")[0][0]
                made.replay.optimise(job)
                made.replay.drop(job, journal=True)
        merged = final_ms(made.store)
        return Showing(
            corrected, months, apply_ms, undo_ms, watch.polls, len(watch.mixes), watch.lost(made.store), watch.live,
            (before, after, merged),
        )  # fmt: skip


class Watch:
    """Readers that look all the time, and a writer whose rows collide with the correction."""

    def __init__(self, made: World, corrected: int) -> None:
        self._made, self._corrected, self._halt = made, corrected, Event()
        self.polls, self.live, self.mixes = 0, 0, list[tuple[int, ...]]()
        self._threads = [Thread(target=self._poll) for _ in range(READERS)] + [Thread(target=self._write)]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        for thread in self._threads:
            thread.join()

    def turn(self) -> None:
        """Let every reader look at what is now."""
        looked = self.polls
        while self.polls < looked + 2 * READERS:
            self._halt.wait(0.001)

    def lost(self, store: Store) -> int:
        """Live rows that nobody sees any more."""
        return self.live - int(store.rows("SELECT count() FROM points FINAL WHERE value = -1")[0][0])

    def _poll(self) -> None:
        """A correction gives one value to all of its rows: two of them are a mix."""
        store, series = Store(self._made.settings.clickhouse, "poll"), "(SELECT cityHash64(number) FROM numbers(40))"
        question = f"SELECT uniqExactIf(value, value > 0), count() FROM points FINAL WHERE series_id IN {series}"
        expected = self._corrected * 40 // SERIES
        question += f" AND ts < toDateTime64('2026-08-10 00:00:00', 9, 'UTC') + toIntervalSecond({self._made.every_s * (self._corrected // SERIES)})"
        while not self._halt.is_set():
            values, points = store.rows(question)[0]
            self.polls += 1
            if values > 1 or points != expected:
                self.mixes.append((values, points))
        store.close()

    def _write(self) -> None:
        store = Store(self._made.settings.clickhouse, "live")
        while not self._halt.wait(0.02) and self.live < self._corrected // 2:
            rows = ROWS.format(
                series=SERIES,
                every_s=self._made.every_s,
                value="-1.0",
                generation=200_000,
                per_record=1,
                rows=self.live + 20,
            )
            store.command(f"INSERT INTO points (series_id, ts, value, version) {rows} LIMIT 20 OFFSET {self.live}")
            self.live += 20
        store.close()


def final_ms(store: Store) -> float:
    """Reading everything with FINAL."""
    began = time.perf_counter()
    store.rows("SELECT count(), sum(value) FROM points FINAL")
    return (time.perf_counter() - began) * 1000


@contextmanager
def peak_memory(store: Store) -> Iterator[list[float]]:
    """MB that the largest statement took at a time, by looking often; [0] is there at the end."""
    found, halt = [0.0], Event()

    def look() -> None:
        own = Store(store._settings, "memory")
        while not halt.wait(0.01):
            question = "SELECT max(memory_usage) FROM system.processes WHERE query NOT LIKE '%system.processes%'"
            found[0] = max(found[0], own.rows(question)[0][0] / MEGABYTE)
        own.close()

    thread = Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        halt.set()
        thread.join()


def results(target: Settings, rows: int = 4_000_000, corrected: int = 250_000, polls: int = 10_000) -> list[Result]:
    """All figures."""
    compared = compare(target, rows)
    shown = expose(target, 2_000_000, corrected, polls)
    before, after, merged = shown.final_ms
    return [
        Result(
            name="replay_diff", value=compared.rows / compared.seconds, unit="points/s", target=1e6, at_least=True,
            detail=f"{rows:,} staged against as many stored, {compared.differing:,} differ, one thread, "
            f"largest statement {compared.memory:.0f} MB",
        ),
        Result(
            name="replay_visible", value=median(shown.apply_ms), unit="ms", target=100, at_least=False,
            detail=f"median, slowest {max(shown.apply_ms):.0f} ms, of {len(shown.apply_ms)} ATTACH of {corrected:,} rows in {shown.months} months under polls "
            f"and live inserts; undo {median(shown.undo_ms):.0f}, slowest {max(shown.undo_ms):.0f} ms; FINAL {before:.0f} ms before, {after:.0f} right after, {merged:.0f} merged",
        ),
        Result(
            name="replay_mixes", value=shown.mixes, unit="polls", target=0, at_least=False,
            detail=f"of {shown.polls:,} by {READERS} readers, {len(shown.apply_ms)} corrections and undos",
        ),
        Result(
            name="replay_live_rows_lost", value=shown.lost, unit="rows", target=0, at_least=False,
            detail=f"of {shown.live:,} that collide with the correction",
        ),
    ]  # fmt: skip


def main() -> None:
    """Print the figures."""
    show(results(settings.load()))


if __name__ == "__main__":
    main()
