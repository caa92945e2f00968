"""`isthmus replay plan` and `run`: what would be read, and what would change."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.cli import replay_options as options
from connectors.cli import replay_view as view
from connectors.cli.registry_client import fail
from connectors.cli.replay_end import NOTHING, check_asks, diff_of, end, print_json, wished, write
from connectors.cli.replay_follow import follow, office, rests, run_here
from connectors.cli.replay_options import AsJson, Candidate, Chosen, Page, Why, Yes
from connectors.cli.replay_tried import Tried, tried
from connectors.replays.office import Office
from streams.core.replay_record import Replay
from streams.replay.job import Mode, State


def plan(
    source: options.Sources = None,
    device: options.Devices = None,
    codec: options.Codecs = None,
    logical: options.Places = None,
    since: options.From = None,
    until: options.Until = None,
    received_from: options.ReceivedFrom = None,
    received_until: options.ReceivedUntil = None,
    offsets: options.OffsetRanges = None,
    stage: options.Stages = None,
    reason: options.Reasons = None,
    mode: options.How = Mode.DECODE,
    applies_to: options.AppliesTo = None,
    as_json: AsJson = False,
) -> None:
    """Say what a replay would read, from where, and what is missing. Nothing is done.

    `isthmus replay plan --source ydoc --from 3w`
    """
    chosen = Chosen(
        source=source, device=device, codec=codec, logical=logical, since=since, until=until, received_from=received_from,
        received_until=received_until, offsets=offsets, stage=stage, reason=reason,
    )  # fmt: skip
    with office() as at:
        tried(at, (), codec or (), applies_to or ())
        found = at.plan(mode.value, chosen.selection(at))
    if as_json:
        print_json(found)
    else:
        view.print_plan(Console(emoji=False), found)


def run(
    source: options.Sources = None,
    device: options.Devices = None,
    codec: options.Codecs = None,
    logical: options.Places = None,
    since: options.From = None,
    until: options.Until = None,
    received_from: options.ReceivedFrom = None,
    received_until: options.ReceivedUntil = None,
    offsets: options.OffsetRanges = None,
    stage: options.Stages = None,
    reason: options.Reasons = None,
    mode: options.How = Mode.DECODE,
    mapping_as_of: Annotated[
        str, typer.Option(help="**event**: the mapping at each measurement's time; **now**: today's for all of them")
    ] = "event",
    sinks: Annotated[str, typer.Option(help="tell these of corrections, too: ubidots")] = "",
    allow_holes: Annotated[bool, typer.Option("--allow-holes", help="go on where raw records are missing")] = False,
    why: Why = "",
    decoder: Annotated[
        list[Candidate] | None,
        typer.Option(
            parser=options.candidate, metavar="NAME=FILE",
            help="try this Python file as the decoder of source NAME; it runs in this process, as your own code; dry run only",
        ),
    ] = None,
    applies_to: options.AppliesTo = None,
    apply: Annotated[bool, typer.Option("--apply", help="apply after the dry run; asks first")] = False,
    resume: Annotated[int | None, typer.Option(metavar="ID", help="go on with this replay instead of a new one")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    report: Page = None,
) -> None:  # fmt: skip
    """Run a replay and show what would change. **Live tables are not touched** unless it is applied.

    `isthmus replay run --source ydoc --from 3w --why "scale was wrong"`

    `isthmus replay run --mode place --device ttn:a81758fffe05e6fb --apply`

    `isthmus replay run --source ttn --from 2d --decoder ttn=my_ttn.py`

    `isthmus replay run --codec lht65=new.js` shows what a codec would do to the past before it is registered.
    """
    files = [one for one in codec or () if one.file]
    chosen = Chosen(
        source=source, device=device, codec=codec if resume is None else [one for one in codec or () if not one.file] or None,
        logical=logical, since=since, until=until, received_from=received_from,
        received_until=received_until, offsets=offsets, stage=stage, reason=reason,
    )  # fmt: skip
    tries = bool(decoder or files)
    _check_run(chosen, tries=tries, apply=apply, resume=resume, yes=yes, as_json=as_json)
    with office() as at:
        brought = tried(at, decoder or (), files, applies_to or ())
        asked: dict[str, Any] = {
            "candidates": brought.labels, "mapping_as_of": mapping_as_of, "sinks": [s.strip() for s in sinks.split(",") if s.strip()],
            "allow_holes": allow_holes, "why": why, "apply": apply and yes, "runner": at.runner if tries else "",
        }  # fmt: skip
        made = (
            at.create(mode.value, chosen.selection(at, decoder or ()), **asked)
            if resume is None
            else _resumed(at, resume, brought.labels, apply=apply and yes)
        )
        ended = _carry(at, made, brought, quiet=as_json)
        diff = diff_of(at, ended)
        write(report, ended, diff)
        if apply and not yes and ended.state == State.READY and view.figures(ended).counts.differing:
            view.print_dry_run(Console(emoji=False), ended, *diff)
            ended, diff = wished(at, ended, "apply", quiet=False), NOTHING
    end(ended, diff, as_json=as_json)


def _check_run(chosen: Chosen, *, tries: bool, apply: bool, resume: int | None, yes: bool, as_json: bool) -> None:
    if tries and apply:
        raise typer.BadParameter(
            "what is tried from a file is not deployed: deploy it, then run the replay with --apply"
        )
    if resume is not None and chosen != Chosen():
        raise typer.BadParameter("--resume goes on with the selection that the replay has; leave the others out")
    check_asks(asks=apply, yes=yes, as_json=as_json)


def _resumed(at: Office, number: int, tried: Sequence[str], *, apply: bool) -> Replay:
    replay = at.get(number)
    if sorted(replay.candidates) != sorted(tried):
        fail(f"replay {number} ran with {', '.join(replay.candidates) or 'what is deployed'}; give the same")
    if replay.state == State.FAILED:
        replay = at.wish(number, "retry")
    return at.wish(number, "apply") if apply and replay.state not in {State.APPLYING, State.APPLIED} else replay


def _carry(at: Office, replay: Replay, brought: Tried, *, quiet: bool) -> Replay:
    if brought and not rests(replay):
        return run_here(at, replay.id, brought, quiet=quiet)
    return follow(at, replay.id, quiet=quiet)
