"""`isthmus trace ID`: one message, followed through everything that was made of it."""

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from connectors.cli.registry_client import fail
from connectors.trace import view
from connectors.trace.follow import Follower, Nothing
from connectors.trace.found import Trace
from connectors.trace.record import Unknown
from connectors.verify import core
from streams import settings


def register(app: typer.Typer) -> None:
    """Add `trace` to the command line."""
    app.command()(trace)


def trace(
    identity: Annotated[str, typer.Argument(metavar="ID", help="correlation id, or PARTITION:OFFSET of raw")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON, and nothing else")] = False,
) -> None:
    """Follow one message: raw, decoding as it is now, readings, points, aggregates, latest, dead letters, readers, replays.

    Nothing is changed. A correlation id is found by the store, else near the time that it tells.
    """
    try:
        found = _follow(identity)
    except Nothing as nothing:
        _conclude_without(nothing, as_json=as_json)
    except Unknown as unknown:
        fail(str(unknown))
    except (KafkaException, TimeoutError) as error:
        fail(f"the log does not answer: {error}")
    else:
        _show(found, as_json=as_json)


def _follow(identity: str) -> list[Trace]:
    loaded, console = settings.load(), Console(file=sys.stderr, emoji=False)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True
    ) as bar:
        task = bar.add_task("reading the registry")
        follower = Follower(loaded, core.load(loaded))
        try:
            places = follower.places(identity)
            return [follower.trace(place, lambda step: bar.update(task, description=step)) for place in places]
        finally:
            follower.close()


def _show(found: Sequence[Trace], *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    console = Console(highlight=False, emoji=False)
    for number, one in enumerate(found):
        if len(found) > 1:
            console.rule(f"{number + 1} of {len(found)} records with this id")
        view.show(one, console)


def _conclude_without(nothing: Nothing, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode({"error": str(nothing), "dead_letters": nothing.letters}))
    else:
        console = Console(highlight=False, emoji=False)
        for letter in nothing.letters:
            console.print(view.letter_line(letter))
        hint = "; it never reached raw: see `isthmus dead-letters show`" if nothing.letters else ""
        fail(f"{nothing}{hint}")
    raise typer.Exit(1)
