"""Row 5: the replay worker, at random moments and at chosen points of a placement, of its undo, and of a decode replay."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from connectors.demo.mapping import patiently
from connectors.replays.office import Office
from connectors.simulator import fleet
from connectors.simulator.fleet import Device, Message
from connectors.verify import store_side
from streams.core.replay_record import Replay
from streams.core.times import HOUR, SECOND
from streams.replay.job import Mode, State
from tests.faults import written
from tests.faults.run import Case, Run
from tests.stack.harness import eventually

OVER = {State.APPLIED, State.UNDONE, State.FAILED, State.CANCELLED}
PLACING = ("places", "before-build", "before-attach", "after-attach", "before-settle", "before-optimise")
UNDOING = ("before-undo", "before-attach-undo", "after-attach-undo", "after-settle")
DECODING = (
    "before-stage",
    "after-stage",
    "after-diff",
    "after-build",
    "before-attach",
    "after-attach",
    "after-optimise",
)
"""points of ``dying``, without "replay-", each in the order in which a replay comes to them"""
TOLD = 100
"""messages of the box whose points are looked at"""
Key = tuple[int, int]
"""series id and ns of a point"""


def kill_replay(one: Run) -> None:
    """A late mapping places everything anew, a decode replay goes over all of it; the worker is killed in both."""
    options = fleet.Options(
        seed=one.result.seed * 1000 + 900, devices=8, start=time.time_ns(), interval=SECOND // 20
    )  # other cases map boxes of theirs
    one.load.also(fleet.messages(options))

    def seen() -> list[Device]:
        """Not all are: some boxes are silent in this hour."""
        known = {device["device"] for device in one.world.api.call("GET", "/physical/devices/")}
        return [box for box in fleet.devices(options) if box.key in known]

    eventually(lambda: len(seen()) >= 4)
    for box in seen()[:4]:
        patiently(written.settle, one.world.api, box, time.time_ns() - 8 * HOUR)
    with closing(Office(one.world.settings)) as office:
        made = office.create(Mode.DECODE.value, {"sources": ["json", "wombat"]}, apply=True, why="faults")
        for _ in range(4):
            time.sleep(one.rng.uniform(0.5, 4))
            one.world.kill("replay")
            one.result.kills += 1
        _ends(one, office, made.id, State.APPLIED)
        eventually(lambda: all(r.state in OVER for r in office.all()), 120)


def replay_at_points(one: Run) -> None:
    """Points are placed anew, put back, and placed by decoding again; whoever reads sees all of them at one place."""
    box = Device("json", 0, f"replayed-{one.result.seed}")
    one.load.also(_said(box))
    keys = eventually(lambda: _stored(one, box))
    with closing(Office(one.world.settings)) as office, _looked_at(one, keys):
        with _dying(one, PLACING):
            patiently(written.settle, one.world.api, box, time.time_ns() - HOUR)
        placed = _ends(one, office, _placement(office, box).id, State.APPLIED)
        with _dying(one, UNDOING):
            office.wish(placed.id, "undo")
        _ends(one, office, placed.id, State.UNDONE)
        with _dying(one, DECODING):
            again = office.create(Mode.DECODE.value, {"devices": [box.key]}, apply=True, why="faults")
        corrected = _ends(one, office, again.id, State.APPLIED)
        one.holds(
            "the decode replay corrects something", json.loads(corrected.figures)["counts"]["changed"] >= len(keys)
        )


def _said(box: Device) -> Iterator[Message]:
    """In their order, and each of them once."""
    for number in range(TOLD):
        now = time.time_ns()
        body = json.dumps({"device": box.identity, "time": now, "values": {"n": number, "m": -number}}).encode()
        yield Message(now, "replayed", box.key, "json", "mqtt", f"json/{box.identity}", body)


def _stored(one: Run, box: Device) -> list[Key]:
    """The box's points, once they are all there."""
    asked = (
        "SELECT series_id, toUnixTimestamp64Nano(ts) FROM points FINAL WHERE series_id IN "
        f"(SELECT series_id FROM series WHERE device = '{box.key}')"
    )
    with closing(store_side.connect(one.world.settings.clickhouse)) as client:
        found = [(series, ns) for series, ns in client.query(asked).result_rows]
    return found if len(found) == 2 * TOLD else []


def _placement(office: Office, box: Device) -> Replay:
    """The worker's own replay of the box's late mapping."""

    def found() -> Replay | None:
        return next((r for r in office.all() if r.mode == Mode.PLACE and box.key in r.selection), None)

    return eventually(found)  # type: ignore[return-value]  # it waits until it is there


def _ends(one: Run, office: Office, replay: int, wanted: State) -> Replay:
    eventually(lambda: office.get(replay).state in OVER and not office.get(replay).wish, 60)
    found = office.get(replay)
    one.holds(f"replay {replay} is {wanted.value}, and not {found.state}: {found.error}", found.state == wanted)
    return found


@contextmanager
def _dying(one: Run, points: Sequence[str]) -> Iterator[None]:
    """At each of the points, in their order, the worker dies that comes there; what is done within brings the first there."""
    named = [f"replay-{point}" for point in points]
    for point in named:
        one.world.mark(point)
    yield
    for point in named:
        one.world.died(point)
        one.result.kills += 1


@contextmanager
def _looked_at(one: Run, keys: Sequence[Key]) -> Iterator[None]:
    """All the time: of these points either all are placed or none, and both come to pass."""
    stop, seen = Event(), Counter[tuple[int, int]]()
    looking = Thread(target=_look, args=(one, keys, stop, seen), daemon=True)
    looking.start()
    try:
        yield
    finally:
        stop.set()
        looking.join(30)
    one.result.notes["looks"] = seen.total()
    both = {(len(keys), 0), (len(keys), len(keys))}
    one.holds(f"points stand at the old places or at the new ones: {dict(seen)}", seen.keys() == both)


def _look(one: Run, keys: Sequence[Key], stop: Event, seen: Counter[tuple[int, int]]) -> None:
    """Count (points, those that are placed)."""
    these = ", ".join(f"({series}, fromUnixTimestamp64Nano({ns}))" for series, ns in keys)
    asked = f"SELECT count(), countIf(logical_uid != 0) FROM points FINAL WHERE (series_id, ts) IN ({these})"
    with closing(store_side.connect(one.world.settings.clickhouse)) as client:
        while not stop.wait(0.05):
            with suppress(ClickHouseError):
                ((count, placed),) = client.query(asked).result_rows
                seen[count, placed] += 1


CASES = (
    Case("kill-replay", 5, kill_replay),
    Case("replay-dies-at-points", 5, replay_at_points),
)
