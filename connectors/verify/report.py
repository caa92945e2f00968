"""One check of an installation: log against store, ledgers against log."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from rich.table import Table

from connectors.simulator import ledger
from connectors.verify import core, log_side, store_side
from connectors.verify.compare import Difference, compare
from connectors.verify.expected import derive
from connectors.verify.log_side import LogSide
from connectors.verify.origins import Origins
from connectors.verify.reconcile import reconcile
from streams.settings import Settings


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

    @property
    def faults(self) -> list[str]:
        """One line per thing that must not be; empty when all holds."""
        lines = [f"{d.table}: {example}" for d in self.differences if not d.equal for example in d.examples]
        lines += [f"acknowledged, not in raw: {content}" for content in self.lost]
        lines += [f"raw record that ended nowhere: {lineage}" for lineage in self.log.unaccounted]
        return lines


def check(settings: Settings, ledgers: Sequence[Path] = (), progress: Callable[[int], None] = lambda _: None) -> Report:
    """Compare; the installation should be quiet (lag zero), else what is under way looks missing.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
        clickhouse_connect.driver.exceptions.Error: the store does not answer.
    """
    ours = core.load(settings)
    origins = Origins(ours.generations, ours.hashes, ours.replays, log_side.begins(settings.kafka))
    log = log_side.read(settings.kafka, ours, origins, progress)
    found = store_side.read(settings.clickhouse, settings.window.base_s)
    withdrawn = store_side.withdrawn(settings.clickhouse) if origins.applied else {}
    judged = reconcile(log.contents, log.unsure, found, origins, withdrawn, log.cut.points)
    derive(judged.contents, settings.window.base_s)
    acknowledged = ledger.acknowledged(ledgers)
    differences = compare(judged.contents, found)
    return Report(log, differences, acknowledged.total(), acknowledged - log.fingerprints, judged.unchecked)


def tables(report: Report) -> Table:
    """The comparison as a table for a terminal."""
    table = Table("table", "expected", "missing", "extra", "wrong", "", title="log against store")
    for d in report.differences:
        verdict = "[green]equal[/green]" if d.equal else "[red]differs[/red]"
        table.add_row(d.table, str(d.expected), str(d.missing), str(d.extra), str(d.wrong), verdict)
    return table
