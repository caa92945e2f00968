"""Waits until nothing is left to do, and compares: ledger, log, oracle, store, aggregates, latest, dead letters, files."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from connectors.demo import quiet
from connectors.demo.mapping import Away
from connectors.verify import registry_side
from connectors.verify.report import Report
from streams import lag
from streams.commits import Commits
from streams.replay.job import WORKING
from streams.scan import scan
from streams.settings import KafkaSettings
from tests.faults.result import Result
from tests.faults.world import World

GROUPS = frozenset(lag.readers()) - {"sink-log"}
MAPPING, NOTING = "device-mapping", "sink-clickhouse-log"
SEEN = frozenset({"physical_devices", "logical_devices"})
"""tables of which rows are written anew while nothing happens: when a device was seen last"""
PATIENCE_S = 420
"""longer than watchdogs have"""


class Verdict(Struct):
    """What was found, and after how many seconds lag was zero."""

    report: Report
    faults: list[str]
    lag_zero_s: float = 0
    unsent: frozenset[str] = frozenset()
    """contents in `raw` that nobody sent"""


def judge(world: World, patience_s: float = PATIENCE_S) -> Verdict:
    """The check, as soon as every group has caught up; faults that go away in seconds were only early."""
    began, faults, took = time.monotonic(), list[str](), patience_s
    try:
        quiet.wait_for_zero_lag(world.settings, set(GROUPS), patience_s)
        took = time.monotonic() - began
        _wait_until_placed(world, patience_s)
        _wait_until_noted(world.settings.kafka, patience_s)
    except quiet.Restless as fault:
        faults, took = [str(fault)], patience_s
    report = quiet.settled(world.settings, world.ledgers, 1 if faults else 30, world.kept.since)
    return Verdict(report, faults, took, unsent(report, world.ledgers))


def unsent(report: Report, ledgers: Iterable[Path]) -> frozenset[str]:
    """What stands in `raw` and in no ledger: doors may double a message, and make none."""
    sent = {json.loads(line)["id"] for ledger in ledgers for line in ledger.read_text("utf-8").splitlines()}
    return frozenset(report.log.fingerprints.keys() - sent)


def _wait_until_placed(world: World, patience_s: float) -> None:
    """Points are placed anew when changes of mappings are some seconds old, by a replay that has to come to its end."""
    settings, deadline = world.settings.kafka, time.monotonic() + patience_s
    last = _last(settings, MAPPING)
    while not (_committed(settings, "replay", MAPPING) > last and _rest(world)):
        if time.monotonic() > deadline:
            raise quiet.Restless(f"places are not what they must be after {patience_s:.0f} s")
        time.sleep(quiet.POLL_S)


def _wait_until_noted(settings: KafkaSettings, patience_s: float) -> None:
    """The registry's topics, which lag leaves out, have to have come to the store, or nobody would look at their rows."""
    deadline = time.monotonic() + patience_s
    while behind := [t for t in registry_side.TOPICS if _committed(settings, NOTING, t) <= _last(settings, t)]:
        if time.monotonic() > deadline:
            raise quiet.Restless(f"{NOTING} is still behind in {behind} after {patience_s:.0f} s")
        time.sleep(quiet.POLL_S)


def _last(settings: KafkaSettings, topic: str) -> int:
    """The last record of a topic of one partition; behind it may stand the markers of transactions."""
    return max((message.offset() or 0 for message in scan(settings, topic)), default=-1)


def _committed(settings: KafkaSettings, group: str, topic: str) -> int:
    """Where a group goes on in such a topic."""
    with Commits(settings) as commits:
        return commits.of(group, topic, (0,)).get(0, 0)


def _rest(world: World) -> bool:
    """Whether no replay is still to be done."""
    with suppress(Away):
        return not any(replay["state"] in WORKING for replay in world.api.call("GET", "/replays"))
    return False


def fill(result: Result, verdict: Verdict) -> None:
    """Write the verdict into the result."""
    report = verdict.report
    result.faults += [*verdict.faults, *report.faults]
    result.faults += [f"in raw, sent by nobody: {content}" for content in verdict.unsent]
    result.unchecked, result.lag_zero_s = dict(unchecked(report)), round(verdict.lag_zero_s, 1)
    result.points = next(d.expected for d in report.differences if d.table == "points")
    result.missing = sum(d.missing for d in report.differences) + report.lost.total() + len(report.log.unaccounted)
    result.extra = sum(d.extra for d in report.differences) + len(verdict.unsent)
    result.wrong = sum(d.wrong for d in report.differences)


def unchecked(report: Report) -> Counter[str]:
    """What was set aside: reason -> how many points, raw records or files."""
    found = report.unchecked + report.unchecked_files
    found["raw records of other code"] = report.log.foreign
    found["points of codecs that were cut"] = len(report.log.cut.points)
    found["points that came meanwhile"] = report.newer
    awaited = (count for table, count in report.behind.items() if table not in SEEN)
    found["records that sink clickhouse-log has not committed"] = sum(awaited)
    return +found
