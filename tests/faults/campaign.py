"""The long campaign: random processes killed at random moments under load, until there were so many."""

import statistics
import time
from collections import Counter
from contextlib import suppress

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from connectors.verify import store_side
from tests.faults.cases.common import PROCESSES
from tests.faults.run import Case, Run
from tests.faults.world import SERVERS

MEAN_PAUSE_S = 1.0
FRESH_S = 10.0
"""so soon after a kill a newer message's row must be there"""


def campaign(kills: int, points: int, rate: float) -> Case:
    """``kills`` kills, and load until ``points`` points have been sent."""

    def act(one: Run) -> None:
        recoveries: list[float] = []
        counts: Counter[str] = Counter()
        while one.result.kills < kills or _stored(one) < points:
            time.sleep(one.rng.expovariate(1 / MEAN_PAUSE_S))
            name = one.rng.choice((*PROCESSES, *SERVERS))
            at = time.time()
            one.world.kill(name)
            one.result.kills += 1
            counts[name] += 1
            took = one.load.recovery(at)
            recoveries.append(took)
            print(
                f"{one.result.kills:4} {name:20} fresh row after {took:5.1f} s, {one.load.acknowledged} acknowledged",
                flush=True,
            )
        one.result.recovery_s = max(recoveries)
        one.result.notes |= {
            "recovery_median_s": round(statistics.median(recoveries), 2),
            "recovery_p90_s": round(sorted(recoveries)[int(len(recoveries) * 0.9)], 2),
            "recovered_within_10_s": sum(took <= FRESH_S for took in recoveries),
        } | {f"kills_{name}": number for name, number in sorted(counts.items())}

    return Case("campaign", 0, act, rate=rate)


def _stored(one: Run) -> int:
    """Rows in the store; 0 when it is just being killed."""
    with suppress(ClickHouseError):
        client = store_side.connect(one.world.settings.clickhouse)
        count: int = client.query("SELECT count() FROM points").result_rows[0][0]
        client.close()
        return count
    return 0
