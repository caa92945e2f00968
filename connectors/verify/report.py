"""One check of an installation: log against store, ledgers against log, and files against log."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from rich.table import Table

from connectors.simulator import ledger
from connectors.sinks.clickhouse.rollups import LENGTHS
from connectors.verify import core, files, letters, log_side, logged, names, store_side
from connectors.verify.circumstances import MARKED, as_marked
from connectors.verify.compare import Difference, compare
from connectors.verify.expected import derive
from connectors.verify.files import Compared, Since
from connectors.verify.live import newer_points, older_letters, without
from connectors.verify.log_side import LogSide
from connectors.verify.origins import Origins
from connectors.verify.reconcile import reconcile, shown
from connectors.verify.scope import WHOLE, Scope
from streams.core.records import DeadLetter
from streams.settings import Settings

AGAIN_S = 0.5


class Report(Struct, frozen=True):
    """What was found.

    ``lost``: acknowledged contents that are not in raw as often as they were acknowledged. ``unchecked``: why points
    could not be judged -> how many; they were taken as they are.
    """

    log: LogSide
    differences: list[Difference]
    acknowledged: int
    lost: Counter[str]
    unchecked: Counter[str]
    newer: int = 0
    """points of raw records that came after the log was read"""
    letters_gone: int = 0
    """dead letters that the store has, and that are older than what topic dead-letters still has"""
    unchecked_files: Counter[str] = field(default_factory=Counter)
    """table -> lines or files that could not be judged"""
    behind: Counter[str] = field(default_factory=Counter)
    """table -> records that sink `clickhouse-log` has not committed, and that are not there"""

    @property
    def empty(self) -> bool:
        """Whether there was nothing to compare."""
        return not self.newer and all(d.equal and not d.expected for d in self.differences)

    @property
    def faults(self) -> list[str]:
        """One line per thing that must not be; empty when all holds."""
        lines = [f"{d.table}: {example}" for d in self.differences if not d.equal for example in d.examples]
        lines += [f"acknowledged, not in raw: {content}" for content in self.lost]
        lines += [f"raw record that ended nowhere: {lineage}" for lineage in self.log.unaccounted]
        return lines


def check(
    settings: Settings,
    ledgers: Sequence[Path] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
    scope: Scope = WHOLE,
    wait_s: float = 0,
    *,
    with_files: bool = False,
    since: Since | None = None,
) -> Report:
    """Compare, on a system that may be at work: rows of raw records later than now are left out on both sides.

    What is under way looks missing or wrong, so while anything differs the store is read again for ``wait_s``.
    ``with_files``: this machine's files, too; ``since`` as in ``files.compare``.

    Raises:
        OSError: a file cannot be read.
        TimeoutError, KafkaException: the log does not answer.
        clickhouse_connect.driver.exceptions.Error: the store does not answer.
    """
    ours = core.load(settings)
    origins = Origins(ours.generations, ours.hashes, ours.replays, log_side.begins(settings.kafka))
    committed = logged.committed(settings.kafka, origins.begins)
    told = letters.read(settings.kafka)
    gone = letters.gone(store_side.letters_before(settings.clickhouse, told.since) if told.since else (), told)
    log = log_side.read(settings, ours, origins, scope, progress, [*told.kept, *gone])
    origins.begins = log_side.begins(settings.kafka)  # what was deleted since it was asked first was not read, either
    acknowledged, deadline = ledger.acknowledged(ledgers), time.monotonic() + wait_s
    lost = acknowledged - log.fingerprints
    while True:
        differences, unchecked, newer = _compare(settings, log, origins, gone)
        if all(d.equal for d in differences) or time.monotonic() > deadline:
            break
        time.sleep(AGAIN_S)
    kept = files.compare(settings, since) if with_files else Compared([], Counter())
    noted = logged.compare(settings, log, origins.begins, committed, [*told.kept, *gone])
    differences += [*noted.differences, *kept.differences]
    set_aside = sum(map(scope.takes_letter, gone))
    return Report(
        log, differences, acknowledged.total(), lost, unchecked, newer, set_aside, kept.unchecked, noted.behind
    )


def _compare(
    settings: Settings, log: LogSide, origins: Origins, gone: Sequence[DeadLetter]
) -> tuple[list[Difference], Counter[str], int]:
    """The differences, what could not be judged, and how many points are newer than the log's side.

    ``gone``: dead letters that are taken as they are.
    """
    windows, scope = (*settings.window.base_s, *LENGTHS), log.scope
    found = store_side.read(settings.clickhouse, windows, scope)
    withdrawn = store_side.withdrawn(settings.clickhouse) if origins.applied else {}
    edges = log_side.edges([*letters.read(settings.kafka).kept, *gone], scope)
    now = log_side.ends(settings.kafka)
    expected = replace(log.contents, dead_letters=log.contents.dead_letters | older_letters(edges, log.ends, now))
    newer = newer_points(found, log.ends, now)
    found.dead_letters = older_letters(found.dead_letters, log.ends, now)
    expected, found = without(expected, newer, windows), without(found, newer, windows)
    marked = as_marked(expected.points, found.points, log.beside)
    expected.points = expected.points | marked if marked else expected.points
    judged = reconcile(expected, log.unsure, found, origins, withdrawn, log.cut.points)
    derive(judged.contents, windows, scope)
    judged.contents.latest = shown(judged.contents.latest, found.latest, origins)
    judged.contents.names = names.expected(judged.contents.points, expected.names, found.names)
    found = replace(found, names=names.asked(judged.contents.names, found.names))
    unchecked = judged.unchecked + Counter({MARKED: len(marked)})
    return compare(without(judged.contents, newer, windows), found), unchecked, len(newer)


def tables(report: Report) -> Table:
    """The comparison as a table for a terminal."""
    table = Table("table", "expected", "missing", "extra", "wrong", "", title="log against store and files")
    for d in report.differences:
        verdict = "[green]equal[/green]" if d.equal else "[red]differs[/red]"
        table.add_row(d.table, str(d.expected), str(d.missing), str(d.extra), str(d.wrong), verdict)
    return table
