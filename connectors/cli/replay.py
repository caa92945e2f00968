"""`isthmus replay …`: correct the past. See what would change, apply it, take it back."""

from typing import Annotated

import typer
from rich.console import Console

from connectors.api import replay_shapes as shapes
from connectors.cli import replay_run
from connectors.cli import replay_view as view
from connectors.cli.replay_end import NOTHING, SAMPLES, check_asks, document, end, print_json, wished, write
from connectors.cli.replay_follow import follow, office, rests
from connectors.cli.replay_options import AsJson, Page, Why, Yes
from connectors.cli.target import ApiGroup
from streams.replay.store import GROUPS

group = typer.Typer(
    cls=ApiGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Correct the past: run raw records again through today's decoders and mappings, see every point that would "
    "change, apply it at once, take it back.\n\nA replay is a **dry run** until it is applied.",
)
group.command()(replay_run.plan)
group.command()(replay_run.run)

Number = Annotated[int, typer.Argument(metavar="ID", help="as `isthmus replay list` shows it")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="lines of each table")]


def register(app: typer.Typer) -> None:
    """Add `replay` to the command line."""
    app.add_typer(group, name="replay")


@group.command()
def status(
    number: Number,
    follow_it: Annotated[bool, typer.Option("--follow", "-f", help="show its progress until it rests")] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a replay.

    `isthmus replay status 7 --follow`
    """
    with office() as at:
        replay = follow(at, number, quiet=as_json) if follow_it else at.get(number)
    if as_json:
        print_json(shapes.replay(replay))
        return
    told = shapes.replay(replay) | ({"progress": {}} if rests(replay) else {})
    Console(emoji=False).print(view.details(told))
    typer.echo(view.outcome(replay))


@group.command()
def apply(number: Number, why: Why = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Apply a replay's correction: all of it becomes visible at one moment. Asks first.

    `isthmus replay apply 7`
    """
    _ask_and_do(number, "apply", why, yes=yes, as_json=as_json)


@group.command()
def undo(number: Number, why: Why = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Take an applied replay back: rows, aggregates and latest points are as they were before. Asks first.

    Later corrections of the same points are undone first; it says which. What live data replaced since stays.

    `isthmus replay undo 7`
    """
    _ask_and_do(number, "undo", why, yes=yes, as_json=as_json)


@group.command()
def cancel(number: Number, why: Why = "", as_json: AsJson = False) -> None:
    """End a replay that is not applied; live tables stay untouched.

    `isthmus replay cancel 7`
    """
    with office() as at:
        at.wish(number, "cancel", why)
        ended = follow(at, number, quiet=as_json)
    end(ended, NOTHING, as_json=as_json)


@group.command("list")
def listed(as_json: AsJson = False) -> None:
    """List replays, newest first.

    `isthmus replay list --json`
    """
    with office() as at:
        found = at.all()
    if as_json:
        print_json([shapes.replay(replay) for replay in found])
    elif found:
        Console(emoji=False).print(view.listing(found))
    else:
        typer.echo("there is no replay yet; begin with: isthmus replay run --help")


@group.command()
def diff(
    number: Number,
    by: Annotated[str | None, typer.Option(help=f"only by this: {', '.join(GROUPS)}")] = None,
    limit: Limit = 50,
    samples: Annotated[int, typer.Option(min=0, max=10_000, help="points before and after to show")] = SAMPLES,
    as_json: AsJson = False,
    report: Page = None,
) -> None:
    """Show again what a replay found, by device, measurement, codec and day, with samples before and after.

    `isthmus replay diff 7 --by day --limit 100 --report replay-7.html`
    """
    if by is not None and by not in GROUPS:
        raise typer.BadParameter(f"--by takes {', '.join(GROUPS)}, not {by!r}")
    with office() as at:
        replay = at.get(number)
        found = {name: at.groups(number, name, limit) for name in GROUPS if by in {None, name}}
        seen = at.samples(number, samples) if samples else []
        write(report, replay, (found, seen))
    if as_json:
        print_json(document(replay, (found, seen)))
    else:
        view.print_dry_run(Console(emoji=False), replay, found, seen)


def _ask_and_do(number: int, what: str, why: str, *, yes: bool, as_json: bool) -> None:
    check_asks(asks=True, yes=yes, as_json=as_json)
    with office() as at:
        replay = at.get(number)
        if not as_json:
            view.print_figures(Console(emoji=False), replay)
        ended = wished(at, replay, what, why, yes=yes, quiet=as_json)
    end(ended, NOTHING, as_json=as_json)
