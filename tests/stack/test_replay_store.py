"""The store's side of replays on the real engine, against a dictionary that knows the rules."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from threading import Event, Thread
from typing import Any

import pytest

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from connectors.sinks.clickhouse.store import Store
from streams.core.identity import series_id
from streams.replay.runs import Runs
from streams.replay.store import Staged
from tests.stack import replay_rows
from tests.stack.replay_rows import LENGTHS, Rows, Table, World, aggregated, difference, newest, put
from tests.stack.replayed import GENERATION, JOB, UNDO, Replayed


def put_all(bench: Replayed, table: Table, rows: Rows) -> None:
    put(bench.store, rows)
    for key, row in rows.items():
        table.put(key, row)


def holds(bench: Replayed, table: Table) -> None:
    """Points, aggregates and latest points are those of the table."""
    assert replay_rows.final(bench.store) == table.final
    assert replay_rows.aggregates(bench.store) == aggregated(table.final)
    assert replay_rows.latest(bench.store) == newest(table.final)


def test_it_knows_of_which_replays_it_has_tables(bench: Replayed) -> None:
    assert bench.replay.jobs() == set()
    bench.replay.open(JOB)
    assert bench.replay.jobs() == {JOB}


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_writes_and_takes_back_exactly_what_differs(bench: Replayed, seed: int) -> None:
    world = World(seed)
    table = world.table()
    bench.as_before(table)
    before = table.final
    wanted = difference(table, world.staged, world.covered, GENERATION)
    bench.stage(world)

    assert bench.counts() == wanted.counts
    bench.replay.build(JOB, GENERATION)
    assert replay_rows.final(bench.store) == before
    bench.replay.attach(JOB)
    bench.replay.settle(JOB, LENGTHS)
    for key, row in wanted.delta.items():
        table.put(key, row)
    holds(bench, table)
    assert not bench.replay.unsettled(JOB, LENGTHS)

    back = replay_rows.undo(table, before, wanted.delta, UNDO)
    assert bench.replay.build_undo(JOB, UNDO) == len(back)
    bench.replay.attach_undo(JOB)
    bench.replay.settle(JOB, LENGTHS, undo=True)
    for key, row in back.items():
        table.put(key, row)
    holds(bench, table)
    contents = {key: (row.content, row.record) for key, row in before.items()}
    assert {key: (row.content, row.record) for key, row in replay_rows.final(bench.store).items()} == contents


class Dying(Store):
    """A store whose client is gone after some statements: whether the last was done, nobody knows."""

    left = 1 << 30

    def command(self, statement: str) -> None:
        super().command(statement)
        self._count()

    def insert(self, *arguments: Any) -> int:
        rows = super().insert(*arguments)
        self._count()
        return rows

    def rows(self, *arguments: Any) -> Any:
        found = super().rows(*arguments)
        self._count()
        return found

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Transient("killed")


@pytest.mark.parametrize("seed", [11, 12])
def test_it_gets_the_same_when_it_dies_in_every_step_and_does_every_step_twice(bench: Replayed, seed: int) -> None:
    random, world = Random(seed), World(seed)
    table = world.table()
    bench.as_before(table)
    before = table.final
    wanted = difference(table, world.staged, world.covered, GENERATION)
    replay = ClickHouseReplayStore(bench.settings)
    dying = replay._store = Dying(bench.settings.clickhouse, "test")

    def do(step: Callable[[], object]) -> None:
        for left in (random.randrange(1, 4), random.randrange(1, 25), 0, 0):
            dying.left = left
            with suppress(Transient):
                step()

    do(lambda: replay.open(JOB))
    for staged, checkpoint in world.batches(2):
        do(lambda staged=staged, checkpoint=checkpoint: replay.stage(JOB, staged, checkpoint))  # type: ignore[misc]
    do(lambda: replay.diff(JOB, mode="decode"))
    do(lambda: replay.build(JOB, GENERATION))
    do(lambda: replay.attach(JOB))
    do(lambda: replay.diff(JOB, mode="decode"))
    do(lambda: replay.build(JOB, GENERATION + 10))
    do(lambda: replay.settle(JOB, LENGTHS))
    for key, row in wanted.delta.items():
        table.put(key, row)
    holds(bench, table)
    assert bench.counts() == wanted.counts
    assert bench.rows(f"SELECT count() FROM points WHERE generation = {GENERATION}") == [(len(wanted.delta),)]
    assert bench.replay.totals(JOB).records == len(world.covered)

    do(lambda: replay.build_undo(JOB, UNDO))
    do(lambda: replay.attach_undo(JOB))
    do(lambda: replay.build_undo(JOB, UNDO + 10))
    do(lambda: replay.settle(JOB, LENGTHS, undo=True))
    replay.close()
    for key, row in replay_rows.undo(table, before, wanted.delta, UNDO).items():
        table.put(key, row)
    holds(bench, table)


def test_readers_see_all_of_a_correction_or_nothing_and_live_rows_stay(bench: Replayed) -> None:
    series, count, later = [series_id("json:poll", f"s{i}") for i in range(4)], 20_000, 1_000
    versions = "bitOr(bitShiftLeft(toUInt64(%d), 46), bitShiftLeft(number + %d, 8))"
    times = f"fromUnixTimestamp64Nano({replay_rows.MONTH_END} + toInt64(number - {count // 2}) * 60000000000)"
    for one in series:
        bench.store.command(
            f"INSERT INTO points (series_id, ts, value, version) "
            f"SELECT {one}, {times}, 1.0, {versions % (1, 0)} FROM numbers({count})"
        )
    bench.replay.open(JOB)
    for one in series:
        bench.store.command(
            f"INSERT INTO replay_{JOB}_staged (series_id, ts, value, version) "
            f"SELECT {one}, {times}, 2.0, {versions % (1, 0)} FROM numbers({count})"
        )
    bench.replay.stage(JOB, Staged(selected=Runs([(0, 0, count)])), {0: count})
    bench.counts()
    bench.replay.build(JOB, GENERATION)

    mixes, polls, halt = [], [0], Event()

    def poll() -> None:
        store = Store(bench.settings.clickhouse, "poll")
        question = "SELECT countIf(value = 1), countIf(value = 2), countIf(value = 3), count() FROM points FINAL"
        while not halt.is_set():
            old, new, live, every = store.rows(question)[0]
            polls[0] += 1
            if (old and new) or every != old + new + live or every != 4 * count:
                mixes.append((old, new, live, every))
        store.close()

    def live() -> None:
        """Collides with the correction, from offsets after it."""
        store, number = Store(bench.settings.clickhouse, "live"), 0
        while not halt.is_set() and number < later:
            store.command(
                f"INSERT INTO points (series_id, ts, value, version) "
                f"SELECT {series[0]}, {times.replace('number', f'(number + {number})')}, 3.0, "
                f"{versions % (UNDO + 1, count + number)} FROM numbers(10)"
            )
            number += 10
        written.append(number)
        store.close()

    written: list[int] = []
    threads = [Thread(target=poll), Thread(target=poll), Thread(target=live)]
    for thread in threads:
        thread.start()
    try:
        replay_rows.reached(polls, 40)
        bench.replay.attach(JOB)
        replay_rows.reached(polls, polls[0] + 40)
        bench.replay.build_undo(JOB, UNDO)
        bench.replay.attach_undo(JOB)
        replay_rows.reached(polls, max(200, polls[0] + 40))
    finally:
        halt.set()
        for thread in threads:
            thread.join()
    assert mixes == []
    assert bench.rows("SELECT countIf(value = 3), countIf(value = 2), count() FROM points FINAL") == [
        (written[0], 0, 4 * count)
    ]
