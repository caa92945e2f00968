"""`isthmus registry …`: snapshots of devices, mappings, users and what else is registered."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException

from connectors.cli import output
from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, Yes
from connectors.cli.progress import bar, said
from connectors.cli.registry_client import fail
from connectors.migration import files, parts
from connectors.sinks.base import Transient
from streams import avro, settings
from streams.core.times import to_text
from streams.registry import restore as restoring
from streams.registry import snapshot as snapshots
from streams.registry import topics_now
from streams.registry.snapshot import Header, Snapshot
from streams.registry.state import Author
from streams.settings import ClickHouseSettings, KafkaSettings

STANDARD = "-"

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Snapshots of the registry: devices, mappings with their history, notes, users, codecs, rules, signed topics,
    generations, replays. Reads Kafka as the settings say; restoring writes through the API of this machine.""",
)
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="default: isthmus-registry-TIME.jsonl.zst; .zst and .gz compress; - is stdout",
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="what `isthmus registry backup` wrote; - is standard input")]


def register(app: typer.Typer) -> None:
    """Add `registry` to the command line."""
    app.add_typer(group, name="registry")


@group.command()
def backup(output_file: Output = None, as_json: AsJson = False) -> None:
    """Write all of the registry into one file. Works also while no API runs.

    The file holds password hashes and the keys of signed topics: only its owner can read it. It appears when it is whole,
    and never replaces another. Its format is described in `streams/registry/snapshot.py`.

    `isthmus registry backup -o monday.jsonl.zst`
    """
    if as_json and str(output_file) == STANDARD:
        raise typer.BadParameter("the snapshot itself goes to standard output: leave --json or -o - out")
    kafka = settings.load().kafka
    taken = _taken(kafka, quiet=as_json)
    counts = {topic: len(records) for topic, records in taken.tables.items()}
    if str(output_file) == STANDARD:
        sys.stdout.buffer.writelines(snapshots.lines(taken))
        sys.stdout.buffer.flush()
        return
    path = output_file or Path(f"isthmus-registry-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl.zst")
    try:
        files.write(path, snapshots.lines(taken))
    except OSError as error:
        fail(f"{path} cannot be written: {error}")
    if as_json:
        output.print_json({"file": str(path), "bytes": path.stat().st_size, "records": counts})
    else:
        some = ", ".join(f"{count:,} {topic}" for topic, count in counts.items() if count) or "nothing: it is empty"
        typer.echo(f"{path}: {some}")


@group.command()
def restore(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what would change")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="also change and remove what is registered and differs from the snapshot")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make the registry what a snapshot says: through the API that writes it, which must run. Shows what changes, and asks.

    Into a registry in which something is registered that would change or go, only with --force: then it becomes equal to
    the snapshot. Uids that were given since are never given again. Generations and replays come back only beside the log
    (cluster and topic `raw`) that they speak of; where rows of the store are of later generations, one above them is opened. A restore that was interrupted is finished by running it again.

    `isthmus registry restore monday.jsonl.zst --dry-run`
    """
    wanted, loaded = _read(file), settings.load()
    kafka = loaded.kafka
    plan = _plan(wanted, kafka, quiet=as_json)
    if not as_json or dry_run:
        _show(wanted.header, plan, as_json=as_json)
    if dry_run:
        return
    if plan.overwrites and not force:
        fail(f"{plan.overwrites:,} record(s) that are registered would change or go: say --force to let them")
    why = f"restored from a snapshot of {wanted.header.taken_at}"
    if plan.size:
        output.confirm(f"Write {plan.size:,} record(s)?", yes=yes)
        _write(plan, why, quiet=as_json)
    _rise_above(loaded.clickhouse, why)
    _verify(wanted, kafka, plan, as_json=as_json)


def _taken(kafka: KafkaSettings, *, quiet: bool) -> Snapshot:
    with _log_faults(), bar("reading the registry", quiet=quiet) as tell:
        cluster, log = topics_now.identities(kafka)
        tables = topics_now.read(kafka, tell)
    at = to_text(time.time_ns())
    return Snapshot(Header(taken_at=at, cluster=cluster, log=log, prefix=kafka.prefix), tables)


def _read(file: Path) -> Snapshot:
    try:
        if str(file) == STANDARD:
            return snapshots.read(sys.stdin.buffer)
        with files.reading(file) as content:
            return snapshots.read(content)
    except (files.Unreadable, snapshots.Broken) as fault:
        fail(f"{str(fault).rstrip('.')}; nothing was written")


def _plan(wanted: Snapshot, kafka: KafkaSettings, *, quiet: bool) -> restoring.Plan:
    with _log_faults(), bar("reading the registry", quiet=quiet) as tell:
        _, log = topics_now.identities(kafka)
        held = topics_now.read(kafka, tell)
    return restoring.plan(wanted, held, log, Author("isthmus", time.time_ns(), "not in the restored snapshot"))


def _write(plan: restoring.Plan, why: str, *, quiet: bool) -> None:
    with bar("writing", quiet=quiet) as tell:
        parts.send(api.local, plan.together, plan.writes, why, lambda done: tell(done, plan.size))


def _rise_above(store: ClickHouseSettings, why: str) -> None:
    """Rows of generations that the registry has lost would stand above all that is decoded until it has as many again."""
    from connectors.sinks.clickhouse import generations  # its driver takes most of a second

    try:
        carried = generations.newest(store)
    except Transient as fault:
        typer.echo(
            f"the store does not say which generations its rows carry ({fault}): when it does, run this again", err=True
        )
        return
    known = max((shown["number"] for shown in api.local("GET", "/generations")), default=0)
    if carried > known:
        opened = api.local("POST", "/generations", json={"why": why, "above": carried, "once": True})
        typer.echo(f"generation {opened['number']} is opened: rows of the store are of up to {carried}", err=True)


def _verify(wanted: Snapshot, kafka: KafkaSettings, plan: restoring.Plan, *, as_json: bool) -> None:
    """Read back and compare; what devices said meanwhile is newer, and right."""
    left = _plan(wanted, kafka, quiet=as_json)
    since = {topic: c.changed for topic, c in left.counts.items() if c.changed}
    lost = {topic: c.added + c.removed for topic, c in left.counts.items() if c.added + c.removed}
    if as_json:
        output.print_json(_told(wanted.header, plan) | {"verified": not lost, "differ": since, "missing": lost})
    elif not lost and not since:
        typer.echo(
            f"restored and compared: all {snapshots.records_of(wanted.tables):,} record(s) are as in the snapshot"
        )
    elif not lost:
        typer.echo(f"restored; {_listed(since)} have changed since, as by messages of their devices")
    if lost:
        fail(f"{_listed(lost)} are not as in the snapshot: run the command again")


def _show(header: Header, plan: restoring.Plan, *, as_json: bool) -> None:
    if as_json:
        output.print_json(_told(header, plan))
        return
    typer.echo(f"snapshot of {header.taken_at}, cluster {header.cluster}, topics {header.prefix}*")
    rows = [(t, c.added, c.changed, c.removed, c.same) for t, c in plan.counts.items()]
    output.print_table(
        ("topic", "added", "changed", "removed", "same"), [row for row in rows if any(row[1:])], "it is empty"
    )
    for note in plan.notes:
        typer.echo(note)
    if not plan.size:
        typer.echo("nothing is to be written")


def _told(header: Header, plan: restoring.Plan) -> dict[str, Any]:
    names = ("added", "changed", "removed", "same")
    counts = {topic: {name: getattr(found, name) for name in names} for topic, found in plan.counts.items()}
    told = {"taken_at": header.taken_at, "cluster": header.cluster, "prefix": header.prefix}
    return told | {"topics": counts, "writes": plan.size, "overwrites": plan.overwrites, "notes": plan.notes}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} of {topic}" for topic, count in counts.items())


@contextmanager
def _log_faults() -> Iterator[None]:
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        fail(f"the log does not answer: {said(error)}")
    except avro.AvroError as error:
        fail(f"the registry holds a record that this Isthmus cannot read: {error}")
