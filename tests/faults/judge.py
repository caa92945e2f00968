"""Waits until nothing is left to do, and compares: ledger, log, oracle, store, aggregates, latest, dead letters, files."""

from msgspec import Struct

from connectors.demo import quiet
from connectors.verify.report import Report
from streams import lag
from tests.faults.result import Result
from tests.faults.world import World

GROUPS = frozenset(lag.readers()) - {"sink-log", "sink-ubidots"}
PATIENCE_S = 420
"""longer than watchdogs have"""


class Verdict(Struct):
    """What was found, and when lag was zero."""

    report: Report | None
    faults: list[str]


def judge(world: World, groups: frozenset[str] = GROUPS, patience_s: float = PATIENCE_S) -> Verdict:
    """The check, as soon as every group has caught up; faults that go away in seconds were only early."""
    try:
        quiet.wait_for_zero_lag(world.settings, set(groups), patience_s)
    except quiet.Restless as fault:
        return Verdict(quiet.settled(world.settings, world.ledgers, 1, world.kept.since), [str(fault)])
    return Verdict(quiet.settled(world.settings, world.ledgers, 30, world.kept.since), [])


def fill(result: Result, verdict: Verdict) -> None:
    """Write the verdict into the result."""
    result.faults += verdict.faults
    report = verdict.report
    if report is None:
        return
    result.faults += report.faults
    result.points = next(d.expected for d in report.differences if d.table == "points")
    result.missing = sum(d.missing for d in report.differences) + report.lost.total() + len(report.log.unaccounted)
    result.extra = sum(d.extra for d in report.differences)
    result.wrong = sum(d.wrong for d in report.differences)
