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
from connectors.replays.office import Office
from streams.core.replay_record import Replay
from streams.replay import candidate as candidates
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
        found = at.plan(mode.value, chosen.selection(at))
    if as_json:
        print_json(found)
    else:
        view.print_plan(Console(), found)


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
    """
    chosen = Chosen(
        source=source, device=device, codec=codec, logical=logical, since=since, until=until, received_from=received_from,
        received_until=received_until, offsets=offsets, stage=stage, reason=reason,
    )  # fmt: skip
    _check_run(chosen, decoder or [], apply=apply, resume=resume, yes=yes, as_json=as_json)
    tried = [_label(one) for one in decoder or ()]
    with office() as at:
        asked: dict[str, Any] = {
            "candidates": tried, "mapping_as_of": mapping_as_of, "sinks": [s.strip() for s in sinks.split(",") if s.strip()],
            "allow_holes": allow_holes, "why": why, "apply": apply and yes, "runner": at.runner if tried else "",
        }  # fmt: skip
        made = (
            at.create(mode.value, chosen.selection(at, decoder or ()), **asked)
            if resume is None
            else _resumed(at, resume, tried, apply=apply and yes)
        )
        ended = _carry(at, made, decoder or [], quiet=as_json)
        diff = diff_of(at, ended)
        write(report, ended, diff)
        if apply and not yes and ended.state == State.READY and view.figures(ended).counts.differing:
            view.print_dry_run(Console(), ended, *diff)
            ended, diff = wished(at, ended, "apply", quiet=False), NOTHING
    end(ended, diff, as_json=as_json)


def _check_run(
    chosen: Chosen, decoder: Sequence[Candidate], *, apply: bool, resume: int | None, yes: bool, as_json: bool
) -> None:
    if decoder and apply:
        raise typer.BadParameter("--decoder only tries: deploy the decoder, then run the replay with --apply")
    if resume is not None and chosen != Chosen():
        raise typer.BadParameter("--resume goes on with the selection that the replay has; leave the others out")
    check_asks(asks=apply, yes=yes, as_json=as_json)


def _label(one: Candidate) -> str:
    try:
        candidates.load(one.name, one.file)
        return candidates.label(one.name, one.file)
    except ValueError as error:
        fail(str(error))


def _resumed(at: Office, number: int, tried: Sequence[str], *, apply: bool) -> Replay:
    replay = at.get(number)
    if sorted(replay.candidates) != sorted(tried):
        fail(
            f"replay {number} ran with the decoders {', '.join(replay.candidates) or 'that are deployed'}; give the same"
        )
    if replay.state == State.FAILED:
        replay = at.wish(number, "retry")
    return at.wish(number, "apply") if apply and replay.state not in {State.APPLYING, State.APPLIED} else replay


def _carry(at: Office, replay: Replay, decoder: Sequence[Candidate], *, quiet: bool) -> Replay:
    if decoder and not rests(replay):
        return run_here(at, replay.id, decoder, quiet=quiet)
    return follow(at, replay.id, quiet=quiet)
