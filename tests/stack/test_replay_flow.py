"""A replay amid live data: sinks lag, workers and the API die, live rows meet replayed ones; the store ends exact.

Every device stays in one partition, so the law is short: of all records that tell a point, the last one counts.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from streams.core.times import DAY, HOUR
from tests.stack import replay_candidate
from tests.stack.conftest import installed
from tests.stack.harness import PATIENCE, Stack, eventually
from tests.stack.replay_oracle import Model
from tests.stack.replay_run import Running, decode_as_older_code
from tests.stack.replay_world import SLOT, World, mappings, remapped

SEED = int(os.environ.get("ISTHMUS_TEST_SEED", "1"))
RECORDS, AT_ONCE, EVERY_S = 300, 8, 0.1
DAYS = 3
START = time.time_ns() // HOUR * HOUR - DAYS * DAY


class Present(World):
    """Half of it happens now."""

    def _time(self) -> int:
        if self.random.random() < 0.5:
            return super()._time()
        return time.time_ns() // SLOT * SLOT - self.random.randrange(6) * SLOT


@pytest.fixture(scope="module")
def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("flow")
    with installed(stack, directory) as installation:
        world = Present(SEED, start=START, days=DAYS, apart=True)
        world.write(installation.settings.kafka, RECORDS)
        decode_as_older_code(installation, world, mappings(START), json=older())
        made = Running(installation, directory, world, replay={"place_after_s": 0.5})
        made.map(mappings(START))
        made.start("decode", "window", "clickhouse", "replay")
        made.quiet()
        yield made
        made.close()


def test_an_apply_amid_live_data_waits_for_a_lagging_sink_and_ends_exact_whoever_dies(run: Running) -> None:
    with flowing(run):
        run.processes["clickhouse"].signal(signal.SIGSTOP)
        made = run.replay(apply=True, rests=False)
        eventually(lambda: "sink clickhouse has" in paused(run, made["id"]), 40)
        run.kill("decode")
        run.start("decode")
        run.processes["clickhouse"].signal(signal.SIGCONT)
        run.api.process.kill()
        run.api.restart()
        run.api.wait_ready()
        applied = run.rested(made["id"], 90)
    assert applied["state"] == "applied", applied["error"]
    assert applied["figures"]["counts"]["changed"] > 10
    expect(run, lambda _: {})


def test_an_undo_amid_live_data_leaves_what_came_since(run: Running) -> None:
    (replay,) = run.ask("GET", "/replays")
    with flowing(run):
        run.wish(replay["id"], "undo", rests=False)
        eventually(lambda: run.ask("GET", f"/replays/{replay['id']}")["state"] == "undoing")
        run.kill("replay")
        run.start("replay")
        undone = run.rested(replay["id"], 90)
    assert undone["state"] == "undone", undone["error"]
    expect(run, lambda number: {"json": older()} if number < RECORDS else {})


def test_a_mapping_change_that_races_with_data_ends_right_by_itself(run: Running) -> None:
    changed = {device: mapping for device, mapping in remapped(START).items() if mapping.intervals}
    with flowing(run):
        run.map(run.mapping | changed)
        eventually(lambda: places(run), 40)
    eventually(lambda: not any(replay["state"] not in ("applied", "undone") for replay in places(run)), 40)
    expect(run, lambda number: {"json": older()} if number < RECORDS else {}, patience=20)


def test_places_that_a_correction_brought_along_are_right_after_its_undo_too(run: Running) -> None:
    """The mapping changed right before it was applied: nothing was misplaced when placing looked, and its undo went unseen."""
    run.stop("replay")
    other = remapped(START) if run.mapping == mappings(START) else mappings(START)
    run.map(run.mapping | {device: mapping for device, mapping in other.items() if mapping.intervals})
    made = run.replay(apply=True, rests=False)
    run.start("replay")
    applied = run.rested(made["id"], 90)
    assert applied["state"] == "applied", applied["error"]
    expect(run, lambda _: {}, patience=20)

    undone = run.wish(made["id"], "undo")

    assert undone["state"] == "undone", undone["error"]
    expect(run, lambda number: {"json": older()} if number < RECORDS else {}, patience=20)


@contextmanager
def flowing(run: Running) -> Iterator[None]:
    """Raw records come all the while; afterwards until everything is through."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(EVERY_S):
            run.world.write(run.installation.settings.kafka, AT_ONCE)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    run.quiet()


def expect(run: Running, decoders: Callable[[int], dict[str, Any]], patience: float = 0.1) -> None:
    """The store is what these decoders make of the records, by number; the last record counts at each point."""
    model = Model()
    past, since = run.world.records[:RECORDS], run.world.records[RECORDS:]
    for records, first in ((past, 0), (since, RECORDS)):
        rows = run.decoded(records, **decoders(first))
        model.put((key, row.at(1)) for key, row in rows)
    run.model.rows = model.rows
    deadline = time.monotonic() + patience * PATIENCE
    while True:
        try:
            return run.check(but="lineage")
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def paused(run: Running, replay: int) -> str:
    return str(run.ask("GET", f"/replays/{replay}")["progress"].get("paused"))


def places(run: Running) -> list[dict[str, Any]]:
    return [replay for replay in run.ask("GET", "/replays") if replay["mode"] == "place"]


def older() -> Any:
    """What has to be corrected."""
    return replay_candidate.Candidate(frozenset(replay_candidate.EVERY))
