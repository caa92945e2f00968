"""What several cases do."""

import time

from tests.faults.run import Run

AGENTS = ("decode-0", "window-0")
SINKS = ("sink-clickhouse", "sink-clickhouse-log", "sink-files", "sink-archive", "sink-device-logs", "sink-ubidots")
PROCESSES = ("mqtt", "webhook", *AGENTS, *SINKS, "api", "replay")
"""ours, of every kind"""


def kill_at_random(one: Run, name: str, times: int) -> None:
    """kill -9 at random moments, the last one as a process that has just come back."""
    for _ in range(times):
        time.sleep(one.rng.uniform(0.2, 4))
        at = time.time()
        one.world.kill(name)
        one.result.kills += 1
        one.fresh_row(at)


def die(one: Run, *points: str) -> None:
    """Let processes die at points of their code, one after the other."""
    for point in points:
        at = one.world.die_at(point)
        one.result.kills += 1
        one.fresh_row(at)
