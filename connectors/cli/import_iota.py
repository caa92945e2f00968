"""`isthmus import …`: what another system holds, brought here."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from connectors.cli import import_view as view
from connectors.cli import output
from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, Yes
from connectors.cli.progress import bar, said
from connectors.cli.registry_client import fail
from connectors.migration import files, iota_registry, iota_send, iota_tables, parts
from connectors.migration.iota_registry import Import
from connectors.migration.iota_report import RawReport
from connectors.migration.iota_send import Progress, Wanted
from connectors.migration.iota_tables import RAW, Tables
from streams import kafka, log, settings
from streams.registry import topics_now
from streams.registry.snapshot import Tables as Held
from streams.registry.state import Author
from streams.settings import LogSettings, Settings

WHY = "imported from IoTa"
INTERRUPTED = 130
STAMPS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

group = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Bring here what another system holds.")


def register(app: typer.Typer) -> None:
    """Add `import` to the command line."""
    app.add_typer(group, name="import")


@group.callback()
def _import() -> None:
    """Keeps `isthmus import COMMAND` with one command, too."""


@group.command()
def iota(
    pg: Annotated[
        str | None,
        typer.Option("--pg", metavar="URL", help="postgresql://USER@HOST:PORT/DATABASE; password in PGPASSWORD"),
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option(
            "--dump", metavar="FILE", exists=True, help="of pg_dump (plain, also .gz, .zst), or a folder of CSV"
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw/--no-raw", help="also the raw messages, so that their points come again")
    ] = True,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=STAMPS, help="raw messages received from, UTC")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=STAMPS, help="raw messages received before, UTC")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="raw messages a second, so that live ones get through; 0: no limit")
    ] = 5_000,
    name: Annotated[
        str, typer.Option(help="under which it is kept how far the raw messages are; another IoTa needs another one")
    ] = "iota",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only report what would come of it")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Import IoTa (DPIclimate/broker): devices with their uids, mappings with their history, notes, users, raw messages.

    `isthmus import iota --dump broker.sql --dry-run`

    `isthmus import iota --pg postgresql://postgres@db.example.org/broker`

    The registry comes first, so that the mapping history places the old messages; they keep their id and time of receipt.
    IoTa's overlapping and double mappings become lawful ones, each repair is reported. A device is known by the same key as
    when its next message comes. Where a uid is taken here by something else nothing is imported: import into a fresh
    registry. Users come without passwords and disabled. IoTa is only read; writes go through the API of this machine, which
    must run, and to the Kafka of the settings. Running it again brings what came since, and sends no message twice; with
    --from and --to, give spans that do not overlap.
    """
    log.configure(LogSettings(level="error"), "import")
    if (pg is None) == (dump is None):
        raise typer.BadParameter("give --pg URL, or --dump FILE")
    loaded, wanted = settings.load(), Wanted(_ns(since), _ns(until))
    with _faults(), _opened(pg, dump) as tables:
        found = _planned(
            tables, loaded, str(dump) if pg is None else f"PostgreSQL at {_place(tables)}", dry_run, as_json
        )
        _show(found, as_json=as_json or (dry_run and as_json))
        if dry_run:
            _dry_run(found, tables, loaded, wanted, raw=raw, as_json=as_json)
            return
        if found.report.refused:
            fail(f"nothing was imported: {len(found.report.refused)} number(s) or identities are taken, see above")
        _carry_out(found, tables, loaded, wanted, rate if raw else None, name, yes=yes, as_json=as_json)


def _planned(tables: Tables, loaded: Settings, origin: str, dry_run: bool, quiet: bool) -> Import:
    iota_tables.check(tables)
    held: Held = {}
    fault = ""
    try:
        with bar("reading the registry", quiet=quiet) as tell:
            held = topics_now.read(loaded.kafka, tell)
    except (KafkaException, TimeoutError) as error:
        if not dry_run:
            raise
        fault = f"not compared with the registry here, which cannot be read: {said(error)}"
    found = iota_registry.plan(tables, held, origin, Author("isthmus", time.time_ns(), WHY))
    found.report.noted += [fault] if fault else []
    return found


def _show(found: Import, *, as_json: bool) -> None:
    if as_json:
        return
    view.registry(found.report)
    for refusal in found.report.refused:
        typer.echo(f"taken: {refusal}", err=True)


def _dry_run(found: Import, tables: Tables, loaded: Settings, wanted: Wanted, *, raw: bool, as_json: bool) -> None:
    messages = RawReport() if raw and tables.columns(RAW) else None
    if messages is not None:
        judge = iota_send.Judge(loaded, messages)
        with bar("reading raw messages", quiet=as_json) as tell:
            for uid, record in iota_send.records(tables.raw(0), found.origins, wanted, messages):
                if record is not None:
                    judge.judge(record)
                if uid % 1_000 == 0:
                    tell(messages.read, found.report.rows.get(RAW))
    if as_json:
        output.print_json(view.document(found.report, messages, dry_run=True))
    elif messages is not None:
        view.raw(messages, tried=True)
    if found.report.refused:
        raise typer.Exit(1)


def _carry_out(
    found: Import, tables: Tables, loaded: Settings, wanted: Wanted, rate: float | None, name: str, *, yes: bool, as_json: bool
) -> None:  # fmt: skip
    writes = len(found.together) + len(found.writes)
    messages = found.report.rows.get(RAW, 0) if rate is not None else 0
    output.confirm(f"Write {writes:,} registry record(s), and up to {messages:,} raw message(s)?", yes=yes)
    with bar("registry", quiet=as_json) as tell:
        parts.send(api.local, found.together, found.writes, WHY, lambda done: tell(done, writes))
    sent = _sent(found, tables, loaded, wanted, rate, name, quiet=as_json) if rate is not None and messages else None
    if as_json:
        output.print_json(view.document(found.report, sent, dry_run=False))
        return
    typer.echo(f"{writes:,} registry record(s) written")
    if sent is not None:
        view.raw(sent, tried=False)


def _sent(
    found: Import, tables: Tables, loaded: Settings, wanted: Wanted, rate: float, name: str, *, quiet: bool
) -> RawReport:
    progress, report = Progress(loaded.kafka, name, wanted), RawReport()
    if progress.uid and not progress.is_of(tables.raw(progress.uid - 1), found.origins):
        fail(f"what was imported under the name {name} is not in these raw messages: give another IoTa another --name")
    rows = found.report.rows.get(RAW)
    every = iota_send.records(tables.raw(progress.uid), found.origins, wanted, report)
    with bar("raw messages", quiet=quiet) as tell:
        asyncio.run(iota_send.send(loaded, every, progress, rate, report, lambda done: tell(done, rows)))
    return report


@contextmanager
def _opened(pg: str | None, dump: Path | None) -> Iterator[Tables]:
    tables: Tables
    if pg is not None:
        from connectors.migration.iota_postgres import Postgres

        tables = Postgres(pg)
    else:
        from connectors.migration import iota_dump

        tables = iota_dump.opened(dump or Path())
    try:
        yield tables
    finally:
        tables.close()


def _place(tables: Tables) -> str:
    return str(getattr(tables, "place", ""))


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (iota_tables.Unusable, files.Unreadable) as fault:
        fail(str(fault))
    except (KafkaException, TimeoutError, kafka.Undelivered) as fault:
        fail(f"the log does not answer: {said(fault)}; run this again, nothing is sent twice")
    except KeyboardInterrupt:
        typer.echo("interrupted; run this again, and it goes on where it was", err=True)
        raise typer.Exit(INTERRUPTED) from None
