"""Whatever is done in whatever order - live data, deployments, mappings, replays, undoing any of them - the store is the model.

A walk is long; ISTHMUS_TEST_SCHEDULES says how many steps it has.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from streams.core.times import DAY
from tests.stack.conftest import installed
from tests.stack.harness import Stack
from tests.stack.replay_oracle import Difference, Place, Rows
from tests.stack.replay_run import Running
from tests.stack.replay_world import START, World, iso, mappings, remapped

STEPS = int(os.environ.get("ISTHMUS_TEST_SCHEDULES", "0"))
SEED = int(os.environ.get("ISTHMUS_TEST_SEED", "1"))
DEPLOYMENTS: list[dict[str, Any]] = [
    {"json_source": {}, "ydoc_utc_offset_minutes": 600},
    {"json_source": {"values": "better"}, "ydoc_utc_offset_minutes": 0, "lpp_applications": ["*-lpp", "orchard"]},
    {"json_source": {"values": "better", "time": ["no"]}, "ydoc_utc_offset_minutes": 60},
]
DEVICES = ("json:d0", "json:d1", "json:d4", "ydoc:900-s1", "ydoc:ydoc-901", "ttn:0000000000000002")


class Applied(Struct):
    """A replay that can be undone."""

    id: int
    difference: Difference
    written: Rows


class Walk:
    """Steps at random, each followed by a look at the whole store."""

    def __init__(self, run: Running, seed: int) -> None:
        self.run, self.random = run, random.Random(seed)
        self.applied: list[Applied] = []

    def step(self) -> str:
        """One step; what it was."""
        steps = [self.live, self.replay, self.replay, self.replay, self.place, self.undo, self.deploy]
        return self.random.choice(steps)()

    def live(self) -> str:
        self.run.live(15)
        return "live"

    def deploy(self) -> str:
        number = self.random.randrange(len(DEPLOYMENTS))
        self.run.deploy(**DEPLOYMENTS[number])
        return f"deploy {number}"

    def replay(self) -> str:
        selection, covered = self.selection()
        run = self.run
        chosen = [s for s in run.world.records if (s.partition, s.offset) in covered]
        wanted = run.model.difference(run.decoded(chosen), covered)
        self.keep(run.replay(selection=selection, apply=True), wanted)
        return f"replay {selection} {wanted.counts} shielded {len(wanted.shielded)}"

    def place(self) -> str:
        world = self.random.choice((mappings, remapped))()
        devices = self.random.sample(DEVICES, 3)
        self.run.map(self.run.mapping | {device: world[device] for device in devices if device in world})
        wanted = Difference(changed=self.run.model.misplaced(self.run.mapping))
        self.keep(self.run.replay("place", apply=True), wanted)
        return f"place {devices} {wanted.counts}"

    def undo(self) -> str:
        if not self.applied:
            return "nothing to undo"
        one, model = self.random.choice(self.applied), self.run.model
        above = [
            other.id for other in self.applied if other.id > one.id and model.lies_above(one.written, other.written)
        ]
        undone = self.run.wish(one.id, "undo")
        if above or not model.lies_above(one.written, one.written):
            assert undone["error"].startswith(waits_for(above) if above else "nothing of it can be taken back")
            return f"undo {one.id}, which lies below {above}"
        assert undone["state"] == "undone", undone["error"]
        model.undo(one.difference, one.written, undone["undo_generation"])
        self.applied.remove(one)
        return f"undo {one.id}"

    def keep(self, applied: dict[str, Any], wanted: Difference) -> None:
        self.run.agrees(applied, wanted)
        assert applied["state"] == "applied"
        self.applied.append(Applied(applied["id"], wanted, self.run.model.apply(wanted, applied["generation"])))

    def selection(self) -> tuple[dict[str, Any], set[Place]]:
        sound = [s for s in self.run.world.records if s.raw is not None]
        kind = self.random.randrange(5)
        if kind == 0:
            return {}, places(self.run.world.records)
        if kind == 1:
            first = self.random.randrange(20)
            chosen = {str(p): [first, first + 40] for p in self.random.sample(range(4), 2)}
            return {"offsets": chosen}, {
                p for p in places(self.run.world.records) if str(p[0]) in chosen and first <= p[1] < first + 40
            }
        if kind == 2:
            first = START + self.random.randrange(40) * DAY
            received = {"received_from": iso(first), "received_until": iso(first + 15 * DAY)}
            return received, places(s for s in sound if s.raw and first <= s.raw.received_at < first + 15 * DAY)
        if kind == 3:
            sources = self.random.sample(("json", "ydoc", "ttn"), 2)
            return {"sources": sources}, places(s for s in sound if s.raw and s.raw.source in sources)
        devices = self.random.sample(DEVICES, 2)
        rows = [*self.run.model.rows.items(), *self.run.decoded()]
        return {"devices": devices}, {
            row.place for (series, _), row in rows if self.run.model.names[series][0] in devices
        }


def waits_for(above: list[int]) -> str:
    """Every replay here is applied in the order of its number."""
    return f"a later correction stands on what it wrote: undo replay {max(above)} ("


def places(records: Any) -> set[Place]:
    return {(s.partition, s.offset) for s in records}


@pytest.fixture(scope="module")
def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("walk")
    with installed(stack, directory) as installation:
        made = Running(installation, directory, World(SEED))
        made.map(mappings())
        made.start("decode", "window", "clickhouse", "replay")
        made.live(200)
        yield made
        made.close()


@pytest.mark.skipif(not STEPS, reason="only when ISTHMUS_TEST_SCHEDULES says how many steps")
@pytest.mark.timeout(3600)
def test_any_walk_leaves_the_store_as_the_model_has_it(run: Running) -> None:
    walk = Walk(run, SEED)
    for number in range(STEPS):
        print(number, walk.step(), flush=True)
        run.check()
