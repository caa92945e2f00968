"""What several cases do."""

import time

from tests.faults.run import Run

AGENTS = ("decode-0", "window-0")
SINKS = ("sink-clickhouse", "sink-clickhouse-log", "sink-files", "sink-archive", "sink-device-logs", "sink-ubidots")
PROCESSES = ("mqtt", "webhook", *AGENTS, *SINKS, "api", "replay")
"""ours, of every kind"""
VICTIMS = {
    "connector": "mqtt",
    "webhook": "webhook",
    "decode": "decode-0",
    "window": "window-0",
    "store": "sink-clickhouse",
}
"""who dies at a point, by how the point's name begins"""


def kill_at_random(one: Run, name: str, times: int) -> None:
    """kill -9 at random moments, the last one as a process that has just come back."""
    for _ in range(times):
        time.sleep(one.rng.uniform(0.2, 4))
        one.kill(name)


def die(one: Run, *points: str) -> None:
    """Let processes die at points of their code, one after the other."""
    for point in points:
        victim = VICTIMS[point.partition("-")[0]]
        former = one.world.alive(victim)
        one.survived(victim, former, one.world.die_at(point))
