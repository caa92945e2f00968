"""How a replay's command ends: what was found and what happened, as tables or as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from connectors.api import replay_shapes as shapes
from connectors.cli import replay_view as view
from connectors.cli.replay_follow import follow
from connectors.replays.office import Office
from streams.core.replay_record import Replay
from streams.replay.job import State
from streams.replay.store import GROUPS, Difference, Sample

Diff = tuple[Mapping[str, Sequence[Difference]], Sequence[Sample]]
"""groups by each of ``GROUPS``, and samples"""
NOTHING: Diff = ({}, ())
SHOWN, SAMPLES = 10, 20


def check_asks(*, asks: bool, yes: bool, as_json: bool) -> None:
    """A program cannot be asked."""
    if asks and as_json and not yes:
        raise typer.BadParameter("--json does not ask: add --yes")


def wished(at: Office, replay: Replay, what: str, why: str = "", *, yes: bool = False, quiet: bool) -> Replay:
    """Ask, wish, and follow the replay to where it rests."""
    if not yes and not typer.confirm(f"{what} replay {replay.id}?"):
        typer.echo("nothing was done")
        raise typer.Exit(1)
    at.wish(replay.id, what, why)
    return follow(at, replay.id, quiet=quiet)


def diff_of(at: Office, replay: Replay) -> Diff:
    """What it found, cut short; nothing when it has not come so far."""
    if replay.state not in {State.READY, State.APPLIED}:
        return NOTHING
    return {by: at.groups(replay.id, by, SHOWN) for by in GROUPS}, at.samples(replay.id, SAMPLES)


def write(page: Path | None, replay: Replay, diff: Diff) -> None:
    """Write the HTML page, when one is wanted."""
    if page is not None:
        from connectors.replays import report

        report.write(page, replay, *diff)


def end(replay: Replay, diff: Diff, *, as_json: bool) -> None:
    """Tell what happened; exit status 1 when it failed."""
    if as_json:
        print_json(document(replay, diff) if diff[0] else shapes.replay(replay))
    else:
        if diff[0]:
            view.print_dry_run(Console(emoji=False), replay, *diff)
        typer.echo(view.outcome(replay), err=replay.state == State.FAILED)
    raise typer.Exit(1 if replay.state == State.FAILED else 0)


def document(replay: Replay, diff: Diff) -> dict[str, Any]:
    """The same for programs: times are ISO 8601."""
    groups, samples = diff
    return {
        "replay": shapes.replay(replay),
        "groups": {by: [shapes.difference(one) for one in found] for by, found in groups.items()},
        "samples": [shapes.sample(one) for one in samples],
    }


def print_json(document: Any) -> None:
    """And nothing else."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
