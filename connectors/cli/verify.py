"""`isthmus verify`: does the store hold what the log says?"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from connectors.verify.report import Report, check, tables
from streams import settings


def register(app: typer.Typer) -> None:
    """Add `verify` to the command line."""
    app.command()(verify)


def verify(
    ledger: Annotated[list[Path] | None, typer.Option(help="a simulator's ledger; repeat for several")] = None,
) -> None:
    """Run the pure core over all of `raw` and compare with ClickHouse, both ways; exit status 1 when they differ.

    Points, dead letters, aggregates of the base windows and latest values are compared exactly (sums to the last bits).
    With a ledger: every acknowledged message must be in `raw`. Wait until `isthmus stack status` shows no lag before.
    """
    missing = [str(path) for path in ledger or () if not path.is_file()]
    if missing:
        raise typer.BadParameter(f"no such ledger: {', '.join(missing)}")
    try:
        report = _check(ledger or [])
    except (KafkaException, ClickHouseError, TimeoutError) as error:
        raise SystemExit(f"verify: {error}") from error
    show(report, Console(emoji=False))
    raise SystemExit(1 if report.faults else 0)


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(tables(report))
    for fault in report.faults:
        console.print(fault, style="red", markup=False)
    if report.acknowledged:
        console.print(f"{report.acknowledged} acknowledged message(s), {report.lost.total()} of them not in raw")
    if report.log.foreign:
        console.print(f"{report.log.foreign} raw record(s) were decoded by code that is not here: not checked")
    if cut := len(report.log.cut.points):
        console.print(f"{cut} point(s) left out because a codec had reached a limit; `isthmus replay` decodes them")
    for reason, points in sorted(report.unchecked.items()):
        console.print(f"{points} point(s) {reason}: not checked")


def _check(ledgers: list[Path]) -> Report:
    console = Console(file=sys.stderr, emoji=False)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True
    ) as bar:
        task = bar.add_task("reading raw")
        return check(
            settings.load(), ledgers, lambda done: bar.update(task, description=f"{done} raw records decoded again")
        )
