"""How an import is shown."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import typer

from connectors.cli.output import print_table
from connectors.migration.iota_report import RawReport, Report

SHOWN = 20
"""lines of one kind; --json has all of them"""


def registry(report: Report) -> None:
    """What comes of the tables."""
    typer.echo(f"IoTa: {report.origin}")
    tables = [(table, f"{count:,}", "") for table, count in report.rows.items()]
    tables += [
        (table, f"{count:,}", "not imported: raw messages give them again") for table, count in report.left.items()
    ]
    print_table(("table", "rows", ""), tables, "no tables")
    topics = list(dict.fromkeys([*report.added, *(t for t, count in report.already.items() if count)]))
    rows = [(topic, f"{report.added.get(topic, 0):,}", f"{report.already.get(topic, 0):,}") for topic in topics]
    print_table(("records", "to write", "there already"), rows, "nothing is to be written to the registry")
    _lines("mapping repaired", report.repairs)
    _lines("left out", report.skipped)
    _lines("note", report.noted)


def raw(report: RawReport, *, tried: bool) -> None:
    """What comes of the messages."""
    what = "would be sent" if tried else "sent"
    count = report.sent if not tried else sum(report.sources.values())
    typer.echo(f"raw messages: {report.read:,} read, {count:,} {what}")
    for said, number in (
        ("were sent by an earlier run", report.there),
        ("are outside of --from and --to", report.outside),
    ):
        if number:
            typer.echo(f"  {number:,} {said}")
    if report.reordered:
        typer.echo(
            f"  {report.reordered:,} of ydoc hold a $msg, whose place in its set PostgreSQL did not keep: it comes last"
        )
    _counted("source", "messages", report.sources)
    _counted("will be dead letters: source, why", "parts", report.letters)
    _counted("left out", "rows", report.skipped)


def document(registry: Report, messages: RawReport | None, **more: Any) -> dict[str, Any]:
    """Both for programs."""
    told: dict[str, Any] = {"registry": msgspec.to_builtins(registry)}
    return told | {"raw": None if messages is None else msgspec.to_builtins(messages)} | more


def _lines(kind: str, lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        typer.echo(f"{kind}: {line}")
    if len(lines) > SHOWN:
        typer.echo(f"{kind}: … and {len(lines) - SHOWN:,} more; --json has all of them")


def _counted(what: str, unit: str, counts: Mapping[str, int]) -> None:
    if counts:
        print_table((what, unit), [(name, f"{count:,}") for name, count in Counter(counts).most_common()], "")
