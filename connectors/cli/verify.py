"""`isthmus verify`: does the store hold what the log says?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from connectors.cli.replay_options import moment
from connectors.verify.files import NOT_KNOWN
from connectors.verify.report import Report, check, tables
from connectors.verify.scope import WHOLE, Scope
from streams import settings


def register(app: typer.Typer) -> None:
    """Add `verify` to the command line."""
    app.command()(verify)


def _time(name: str, help: str) -> Any:
    return typer.Option(name, help=help, parser=moment, metavar="TIME")


def verify(
    ledger: Annotated[list[Path] | None, typer.Option(help="a simulator's ledger; repeat for several")] = None,
    start: Annotated[
        int | None, _time("--from", "measured at this time or later: ISO 8601, or `3w`, `2d`, `6h` ago")
    ] = None,
    end: Annotated[int | None, _time("--to", "measured before this time")] = None,
    device: Annotated[str | None, typer.Option(metavar="KEY", help="of this device only, as `ttn:a817…`")] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="seconds for what is under way to arrive, while anything differs")
    ] = 30,
    files: Annotated[bool, typer.Option("--files", help="this machine's archive, files and device logs, too")] = False,
) -> None:
    """Run the pure core over `raw` and compare with ClickHouse, both ways; exit status 1 when they differ.

    Points, dead letters, aggregates (of base windows, hours and days) and latest values are compared exactly (sums to the last
    bits); of points and latest values time, value, text, quality, logical device and raw record. Every series that has points
    must have its device and name in `series`; its unit is not compared. Every row of `raw_messages` must say what its record in
    `raw` says, as far as Kafka has it, and `device_mapping`, `physical_devices`, `logical_devices` and `retention` the newest of
    their topics, as far as sink `clickhouse-log` has committed. With a ledger: every acknowledged message must be in `raw`.
    Works while data flow: what comes after the beginning is left out on both sides, what is under way is waited for; beware of
    changing mappings, rules or codecs meanwhile.

    A range of time, or one device, is much less to read: `isthmus verify --from 2d --to 1d`. Then aggregates are compared whose
    windows lie wholly in the range; latest values when it has no end; dead letters and raw messages by the receipt of their
    records; devices and mappings without a range. Raw messages are not compared of one device: their rows do not name it.

    With files: the raw archive must hold what `raw` holds, byte for byte; segments, messages and device logs what `readings`
    says; as far as their sinks have committed, and from the first offset that is there. What other programs took away is
    not missing, but an archive that holds nothing of what was committed to it is.
    """
    scope = _scope(start, end, device, ledger or [])
    if files and scope != WHOLE:
        raise typer.BadParameter(
            "files are compared with all of the log: leave out --files, or --from, --to and --device"
        )
    try:
        report = _check(ledger or [], scope, wait, with_files=files)
    except (KafkaException, ClickHouseError, TimeoutError, OSError) as error:
        raise SystemExit(f"verify: {error}") from error
    show(report, Console(emoji=False))
    raise SystemExit(1 if report.faults else 0)


def _scope(start: int | None, end: int | None, device: str | None, ledgers: list[Path]) -> Scope:
    if missing := [str(path) for path in ledgers if not path.is_file()]:
        raise typer.BadParameter(f"no such ledger: {', '.join(missing)}")
    if start is not None and ledgers:
        raise typer.BadParameter("a ledger is compared with all of raw: leave out --from, or --ledger")
    if start is not None and end is not None and end <= start:
        raise typer.BadParameter("--to must be later than --from")
    if device is not None and ":" not in device:
        raise typer.BadParameter(f"{device!r}: write the device's key, source:identity, as `isthmus pd ls` shows it")
    return Scope(start, end, device)


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(tables(report))
    for fault in report.faults:
        console.print(fault, style="red", markup=False)
    if report.acknowledged:
        console.print(f"{report.acknowledged} acknowledged message(s), {report.lost.total()} of them not in raw")
    if report.log.foreign:
        console.print(f"{report.log.foreign} raw record(s) were decoded by code that is not here: not checked")
    if report.newer:
        console.print(f"{report.newer} point(s) came after the beginning of this check: not checked")
    if report.empty:
        console.print("nothing in this range, in log and store alike", style="yellow")
    if cut := len(report.log.cut.points):
        console.print(f"{cut} point(s) left out because a codec had reached a limit; `isthmus replay` decodes them")
    if report.letters_gone:
        console.print(f"{report.letters_gone} dead letter(s) older than topic dead-letters goes back: not checked")
    for line in _not_checked(report):
        console.print(line)


def _not_checked(report: Report) -> Iterator[str]:
    for reason, points in sorted(report.unchecked.items()):
        yield f"{points} point(s) {reason}: not checked"
    for table, records in sorted(report.behind.items()):
        yield f"{table}: {records} record(s) that sink clickhouse-log has not committed: not checked"
    for table, contents in sorted(report.unchecked_files.items()):
        yield f"{table}: {contents} {NOT_KNOWN}: not checked"


def _check(ledgers: list[Path], scope: Scope, wait_s: float, *, with_files: bool) -> Report:
    console = Console(file=sys.stderr, emoji=False)
    columns = (TextColumn("reading raw", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        return check(
            settings.load(),
            ledgers,
            lambda done, total: bar.update(task, completed=done, total=total),
            scope,
            wait_s,
            with_files=with_files,
        )
