"""kill -9 of the process that replays, at every stage: what the next one leaves is what an undisturbed one would have left.

The store begins with what an older decoder made of the world; replays correct it and take the correction back.
"""

import itertools
import os
import random
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from tests.ports import free_port
from tests.stack import replay_candidate, replay_worker
from tests.stack.conftest import installed
from tests.stack.harness import Stack
from tests.stack.replay_oracle import Difference
from tests.stack.replay_run import RESTING, Running, decode_as_older_code
from tests.stack.replay_worker import Death
from tests.stack.replay_world import World, mappings

SCHEDULES = int(os.environ.get("ISTHMUS_TEST_SCHEDULES", "1"))
"""more of them try every stage, and kills at any moment"""
SEED = int(os.environ.get("ISTHMUS_TEST_SEED", "1"))
RECORDS = 200
OFFICE = "Office"
DEATHS = [
    (Death("attach"), Death("attach_undo")),
    (Death("stage"), Death("build_undo")),
    (Death("settle"), Death("optimise", after=False)),
    (Death("open"), Death("open_generation", of=OFFICE)),
    (Death("diff"), Death("settle")),
    (Death("diff", nth=2), Death("attach_undo", after=False)),
    (Death("open_generation", of=OFFICE), Death("build_undo", after=False)),
    (Death("build", after=False), Death("unsettled")),
    (Death("build"), Death("settle", after=False)),
    (Death("attach", after=False), Death("optimise")),
    (Death("unsettled"), Death("report", of=OFFICE)),
    (Death("optimise", after=False), Death("report", nth=3, of=OFFICE)),
    (Death("optimise"), Death("report", nth=6, of=OFFICE)),
    *((Death("report", nth=n, of=OFFICE), Death("report", nth=n, of=OFFICE, after=False)) for n in range(1, 12)),
]


class Workers:
    """One worker at a time."""

    def __init__(self, run: Running) -> None:
        self._run, self._port = run, free_port()
        self._log = run.directory / "replay.log"
        self._now: BaseProcess | None = None

    def start(self, death: Death | None = None) -> BaseProcess:
        self.kill()
        settings = self._run.installation.with_settings(replay={"health_port": self._port}).settings
        self._now = replay_worker.start(settings, self._log, death)
        return self._now

    def die(self, death: Death) -> None:
        """Work until this point."""
        process = self.start(death)
        process.join(40)
        assert process.exitcode == -9, f"{death} never came:\n{self._log.read_text()[-3000:]}"

    def kill(self) -> None:
        if self._now is not None:
            self._now.kill()
            self._now.join(10)


@pytest.fixture(scope="module")
def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("kills")
    with installed(stack, directory) as installation:
        world = World(SEED)
        world.write(installation.settings.kafka, RECORDS)
        older = decode_as_older_code(installation, world, mappings(), json=candidate())
        made = Running(installation, directory, world)
        made.model = older
        made.map(mappings())
        made.start("window", "clickhouse")
        made.quiet()
        made.check()
        yield made
        made.close()


@pytest.fixture(scope="module")
def workers(run: Running) -> Iterator[Workers]:
    made = Workers(run)
    yield made
    made.kill()


@pytest.mark.parametrize(("applying", "undoing"), DEATHS[: 1 if SCHEDULES == 1 else None])
def test_it_ends_the_same_wherever_it_was_killed(
    run: Running, workers: Workers, applying: Death, undoing: Death
) -> None:
    wanted = difference(run)
    made = run.replay(apply=True, rests=False)
    workers.die(applying)
    workers.start()
    applied = run.rested(made["id"])
    written = check_applied(run, wanted, applied)

    workers.kill()
    run.wish(made["id"], "undo", rests=False)
    workers.die(undoing)
    workers.start()
    check_undone(run, wanted, written, run.rested(made["id"]))


@pytest.mark.skipif(SCHEDULES == 1, reason="only when ISTHMUS_TEST_SCHEDULES says how often")
@pytest.mark.parametrize("schedule", range(max(SCHEDULES - 1, 1)))
def test_it_ends_the_same_killed_at_any_moment(run: Running, workers: Workers, schedule: int) -> None:
    moments, wanted = random.Random(schedule), difference(run)
    made = run.replay(apply=True, rests=False)
    kill_until_it_rests(run, workers, made["id"], moments)
    written = check_applied(run, wanted, run.rested(made["id"]))
    run.wish(made["id"], "undo", rests=False)
    kill_until_it_rests(run, workers, made["id"], moments)
    check_undone(run, wanted, written, run.rested(made["id"]))


def test_cancelled_it_leaves_live_tables_as_they_were_and_one_amid_applying_keeps_others_from_its_rows(
    run: Running, workers: Workers
) -> None:
    scanning = run.replay(rests=False)
    workers.die(Death("stage"))
    run.wish(scanning["id"], "cancel", rests=False)
    workers.start()
    assert run.rested(scanning["id"])["state"] == "cancelled"
    run.check()

    other = run.replay(selection={"sources": ["json"]})
    applying = run.replay(rests=False, selection={"devices": ["json:d1"]}, apply=True)
    workers.die(Death("build"))
    with run.api.client() as client:
        refused = client.post(f"/replays/{other['id']}/apply")
    assert refused.status_code == 409
    assert f"Replay {applying['id']} may touch the same rows" in refused.json()["detail"]
    run.wish(applying["id"], "cancel", rests=False)
    workers.start()
    assert run.rested(applying["id"])["state"] == "cancelled"
    run.check()
    assert run.ask("POST", f"/replays/{other['id']}/apply")["wish"] == "apply"
    check_applied(run, difference(run, "json"), run.rested(other["id"]))


def kill_until_it_rests(run: Running, workers: Workers, replay: int, moments: random.Random) -> None:
    """Each worker may live a little longer, so that every step comes to its end at last."""
    for patience in itertools.count(2):
        workers.start().join(moments.uniform(0.3, patience))
        record = run.ask("GET", f"/replays/{replay}")
        if record["state"] in RESTING and not record["wish"]:
            return


def check_applied(run: Running, wanted: Difference, applied: dict[str, Any]) -> Any:
    assert applied["state"] == "applied", applied["error"]
    assert applied["figures"]["counts"] == wanted.counts
    written = run.model.apply(wanted, applied["generation"])
    run.check()
    return written


def check_undone(run: Running, wanted: Difference, written: Any, undone: dict[str, Any]) -> None:
    assert undone["state"] == "undone", undone["error"]
    run.model.undo(wanted, written, undone["undo_generation"])
    run.check()


def difference(run: Running, *sources: str) -> Difference:
    chosen = [s for s in run.world.records if s.raw is not None and (not sources or s.raw.source in sources)]
    return run.model.difference(run.decoded(chosen), {(s.partition, s.offset) for s in chosen})


def candidate() -> Any:
    """Every switch on: what has to be corrected."""
    return replay_candidate.Candidate(frozenset(replay_candidate.EVERY))


def test_what_other_code_staged_is_staged_anew(run: Running, workers: Workers) -> None:
    scanning = run.replay(rests=False)
    workers.die(Death("stage"))
    run.deploy(json_source={"values": "better"})
    workers.start()
    run.agrees(run.rested(scanning["id"]), difference(run))


@pytest.mark.skipif(SCHEDULES == 1, reason="starts everything once more: only when ISTHMUS_TEST_SCHEDULES is higher")
def test_what_other_code_staged_is_never_applied(run: Running, workers: Workers) -> None:
    applying = run.replay(rests=False, apply=True)
    workers.die(Death("build"))
    run.deploy(json_source={"values": "elsewhere"})
    workers.start()
    failed = run.rested(applying["id"])
    assert (failed["state"], failed["failed_in"]) == ("failed", "applying")
    assert "live decoding is not what this replay ran with" in failed["error"]
    run.check()
