"""What runs in `make test`: many faults in one minute, on one load, with one comparison at the end."""

import time

from tests.faults.cases.common import PROCESSES
from tests.faults.cases.content import poison
from tests.faults.run import Case, Run
from tests.faults.world import SERVERS

EXPELLED_S = 7.0
"""longer than a member's session"""


def everything_once(one: Run) -> None:
    """Poison; a frozen agent and sink; answers that get lost; and each process killed, ours and the servers."""
    poison(one)
    with one.world.frozen("decode-0", "window-0", "sink-clickhouse"):
        time.sleep(EXPELLED_S)
    one.world.store_proxy.swallow(now=True)
    time.sleep(1)
    one.world.store_proxy.swallow(now=False)
    names = [name for name in (*PROCESSES, *SERVERS) if name not in ("sink-ubidots", "sink-device-logs")]
    one.rng.shuffle(names)
    for name in names:
        at = time.time()
        one.world.kill(name)
        one.result.kills += 1
        time.sleep(one.rng.uniform(0, 1))
    one.fresh_row(at)


CASES = (Case("everything-once", 0, everything_once),)
