"""The long campaign: random processes killed at random moments under load, until there were so many.

Ctrl-C ends the kills, not the comparison; a second one ends that, too.
"""

import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from connectors.simulator.fleet import Message
from connectors.verify import store_side
from tests.faults.cases.common import PROCESSES
from tests.faults.run import Case, Run
from tests.faults.world import SERVERS

MEAN_PAUSE_S = 1.0
WIDE_DEVICES, WIDE_VALUES = 20, 20
FRESH_S = 10.0
"""so soon after a kill a newer message's row must be there"""


def campaign(kills: int, points: int, rate: float) -> Case:
    """``kills`` kills, and more of them until so many points are stored."""

    def act(one: Run) -> None:
        one.load.also(_wide(one))
        recoveries: list[float] = []
        counts: Counter[str] = Counter()
        try:
            while one.result.kills < kills or _stored(one) < points:
                name = one.rng.choice((*PROCESSES, *SERVERS))
                recoveries.append(_kill(one, name))
                counts[name] += 1
        except KeyboardInterrupt:
            one.holds(f"{kills} kills and {points} points were asked for, and it was stopped early", truth=False)
        if recoveries:
            _note(one, recoveries, counts)

    return Case("campaign", 0, act, rate=rate)


def _wide(one: Run) -> Iterator[Message]:
    """Devices with many values, so that a million points take minutes."""
    rng = random.Random(one.result.seed)
    for number in itertools.count():
        device, now = f"wide-{one.result.seed}-{number % WIDE_DEVICES}", time.time_ns()
        values = {f"v{n}": rng.randrange(1000) / 10 for n in range(WIDE_VALUES)}
        body = json.dumps({"device": device, "time": now, "values": values}).encode()
        transport, address = (("mqtt", f"json/{device}"), ("http", "/webhooks/json"))[number % 2]
        yield Message(now, "wide", f"json:{device}", "json", transport, address, body)


def _kill(one: Run, name: str) -> float:
    time.sleep(one.rng.expovariate(1 / MEAN_PAUSE_S))
    at = time.time()
    one.world.kill(name)
    one.result.kills += 1
    took = one.load.recovery(at)
    told = f"{one.result.kills:4} {name:20} fresh row after {took:5.1f} s, {one.load.acknowledged} acknowledged"
    print(told, flush=True)
    return took


def _note(one: Run, recoveries: list[float], counts: Counter[str]) -> None:
    one.result.recovery_s = max(recoveries)
    one.result.notes |= {
        "recovery_median_s": round(statistics.median(recoveries), 2),
        "recovery_p90_s": round(sorted(recoveries)[int(len(recoveries) * 0.9)], 2),
        "recovered_within_10_s": sum(took <= FRESH_S for took in recoveries),
    } | {f"kills_{name}": number for name, number in sorted(counts.items())}


def _stored(one: Run) -> int:
    """Rows in the store; 0 when it is just being killed."""
    with suppress(ClickHouseError):
        client = store_side.connect(one.world.settings.clickhouse)
        count: int = client.query("SELECT count() FROM points FINAL").result_rows[0][0]
        client.close()
        return count
    return 0
