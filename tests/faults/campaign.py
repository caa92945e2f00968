"""The long campaign: random processes killed at random moments under load, until there were so many.

Ctrl-C ends the kills, not the comparison; a second one ends that, too.
"""

import itertools
import json
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from connectors.demo.mapping import Away, patiently
from connectors.simulator.fleet import Message
from connectors.verify import store_side
from tests.faults import written
from tests.faults.cases.common import PROCESSES
from tests.faults.result import FRESH_S
from tests.faults.run import Case, Run
from tests.faults.world import SERVERS

MEAN_PAUSE_S = 1.0
KILL_S = 9.0
"""what a kill takes on two cores, with the pause before it; a million points take no longer than 200 of them"""
PLACED_EVERY = 10
"""kills"""
HOPELESS = 3
"""So many in a row that do not come back end the campaign: there is nothing left to kill, or nothing is sent any more."""
WIDE_DEVICES, WIDE_VALUES = 20, 20


def campaign(kills: int, points: int, rate: float) -> Case:
    """``kills`` kills, and more of them until so many points are stored."""

    def act(one: Run) -> None:
        one.load.also(_wide(one))
        lost = 0
        try:
            while lost < HOPELESS and (one.result.kills < kills or _stored(one) < points):
                if one.result.kills % PLACED_EVERY == PLACED_EVERY // 2:
                    _place_anew(one)
                lost = 0 if _survived(one, one.rng.choice((*PROCESSES, *SERVERS))) else lost + 1
        except KeyboardInterrupt:
            one.holds(f"{kills} kills and {points} points were asked for, and it was stopped early", truth=False)
        _note(one)

    return Case("campaign", 0, act, rate=rate, waits_s=KILL_S * kills)


def _wide(one: Run) -> Iterator[Message]:
    """Devices with many values, so that a million points take minutes."""
    rng = random.Random(one.result.seed)
    for number in itertools.count():
        device, now = f"wide-{one.result.seed}-{number % WIDE_DEVICES}", time.time_ns()
        values = {f"v{n}": rng.randrange(1000) / 10 for n in range(WIDE_VALUES)}
        body = json.dumps({"device": device, "time": now, "values": values}).encode()
        transport, address = (("mqtt", f"json/{device}"), ("http", "/webhooks/json"))[number % 2]
        yield Message(now, "wide", f"json:{device}", "json", transport, address, body)


def _place_anew(one: Run) -> None:
    """A box has been at another place for a while: a replay has to place its points, among kills."""
    box = one.rng.choice(one.load.devices[written.MAPPED])
    try:
        patiently(written.move, one.world.api, box)
    except (Away, httpx.HTTPStatusError, LookupError) as fault:
        one.holds(f"points of {box.key} can be placed anew: {fault!r}", truth=False)
    else:
        one.result.notes["placed_anew"] = one.result.notes.get("placed_anew", 0) + 1


def _survived(one: Run, name: str) -> bool:
    """One that does not come back is a fault, and no end of the campaign: what was acknowledged has to be compared."""
    time.sleep(one.rng.expovariate(1 / MEAN_PAUSE_S))
    try:
        kill = one.kill(name)
    except (TimeoutError, AssertionError) as fault:
        one.holds(f"{name} comes back after kill {one.result.kills}: {fault}", truth=False)
        return False
    told = f"fresh row after {kill.fresh_row_s:5.1f} s, ready after {kill.ready_s:5.1f} s"
    print(f"{one.result.kills:4} {name:20} {told}, {one.load.acknowledged} acknowledged", flush=True)
    return True


def _note(one: Run) -> None:
    if not one.result.killed:
        return
    took = sorted(kill.fresh_row_s for kill in one.result.killed)
    one.result.notes |= {
        "recovery_median_s": round(statistics.median(took), 2),
        "recovery_p90_s": round(took[int(len(took) * 0.9)], 2),
        "recovered_within_10_s": sum(seconds <= FRESH_S for seconds in took),
    }


def _stored(one: Run) -> int:
    """Rows in the store; 0 when it is just being killed."""
    with suppress(ClickHouseError):
        client = store_side.connect(one.world.settings.clickhouse)
        count: int = client.query("SELECT count() FROM points FINAL").result_rows[0][0]
        client.close()
        return count
    return 0
