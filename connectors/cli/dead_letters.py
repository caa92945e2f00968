"""`isthmus dead-letters …`: what could not go on, and trying it again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import track

from connectors.cli import dead_letters_view as shown
from connectors.cli import replay_end
from connectors.cli.registry_client import fail
from connectors.cli.replay_follow import follow, office
from connectors.cli.replay_options import AsJson, Yes, moment
from connectors.dead_letters import letters, resubmit
from connectors.dead_letters.letters import Wanted, identity
from connectors.dead_letters.resubmit import Fate, Outcome
from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.store import Store
from connectors.trace import record
from connectors.trace.found import Raw
from connectors.verify import core
from streams import settings
from streams.core.records import DeadLetter, Lineage
from streams.replay.job import Mode, State
from streams.replay.selection import Selection
from streams.settings import Settings

MOST = 100_000
"""letters that one command tries again"""

group = typer.Typer(no_args_is_help=True, help="Records that could not go on: found, looked at, tried again.")
Stages = Annotated[list[str] | None, typer.Option("--stage", help="door, avro, open, codec, normalise, sink:…; repeat")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="short code, as ls shows it; repeat for several")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="as ttn; repeat for several")]
Devices = Annotated[list[str] | None, typer.Option("--device", help="device key; repeat for several")]
Since = Annotated[int | None, typer.Option(parser=moment, metavar="TIME", help="ISO 8601, or 3w, 2d, 6h ago")]


def register(app: typer.Typer) -> None:
    """Add `dead-letters` to the command line."""
    app.add_typer(group, name="dead-letters")


@group.command()
def ls(
    stage: Stages = None,
    reason: Reasons = None,
    source: Sources = None,
    device: Devices = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="the newest so many")] = 50,
    by: Annotated[str | None, typer.Option(help="`reason`: count them by stage and reason instead")] = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first, each with the id that `show` and `replay` take.

    `isthmus dead-letters ls --by reason`
    """
    if by not in {None, "reason"}:
        raise typer.BadParameter(f"--by takes reason, not {by!r}")
    wanted = _wanted(stage, reason, source, device, since)
    with _store(settings.load()) as store:
        if by:
            shown.counts(letters.counts(store, wanted), as_json=as_json)
        else:
            shown.letters(letters.found(store, wanted, limit), as_json=as_json)


@group.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="as ls shows it; STAGE/PARTITION:OFFSET is enough")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter, its raw record, and what decoding makes of it now.

    `isthmus dead-letters show codec/0:1234`
    """
    loaded = settings.load()
    with _store(loaded) as store:
        found = _named(store, [name])
        ours = core.load(loaded)
        every = [_shown(loaded, ours, store, letter) for letter in found]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(every)))
    else:
        console = Console(highlight=False, emoji=False)
        for one in every:
            shown.one(one, console)


@group.command()
def replay(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="these only; none: what the options say")
    ] = None,
    stage: Stages = None,
    reason: Reasons = None,
    source: Sources = None,
    device: Devices = None,
    since: Since = None,
    why: Annotated[str, typer.Option(help="kept with the replay")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="apply what the replay finds; else it is a dry run")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again. Asks first.

    Those with a raw record become one replay of mode dead-letters: a dry run, unless --apply. Those that were diverted
    at the door are offered to raw once more, with their id and time of receipt.

    `isthmus dead-letters replay --reason no-codec --why "codec of the new probes is there" --apply`
    """
    replay_end.check_asks(asks=True, yes=yes, as_json=as_json)
    loaded, wanted = settings.load(), _wanted(stage, reason, source, device, since)
    if names and wanted != Wanted():
        raise typer.BadParameter("give ids or options, not both")
    with _store(loaded) as store:
        chosen = _named(store, names) if names else letters.found(store, wanted, MOST)
    again = [letter for letter in chosen if letter.raw_partition >= 0]
    diverted = [letter for letter in chosen if resubmit.diverted(letter)]
    if not (again or diverted):
        fail(f"none of {len(chosen)} dead letter(s) has a raw record or a diverted body to try again")
    _confirm(chosen, again, diverted, yes=yes)
    outcomes = _resubmitted(loaded, diverted, quiet=as_json) if diverted else []
    selection = _selection(again, wanted, by_name=bool(names)) if again else None
    _conclude(outcomes, selection, why, apply=apply, as_json=as_json)


def _conclude(
    outcomes: Sequence[Outcome], selection: Selection | None, why: str, *, apply: bool, as_json: bool
) -> None:
    told = {"resubmitted": [shown.outcome(one) for one in outcomes]}
    if not as_json:
        shown.outcomes(outcomes)
    if selection is None:
        if as_json:
            replay_end.print_json(told)
        raise typer.Exit(1 if any(one.fate in {Fate.LOST, Fate.TOO_LARGE} for one in outcomes) else 0)
    with office() as at:
        made = at.create(Mode.DEAD_LETTERS, selection, why=why or "dead letters tried again", apply=apply)
        ended = follow(at, made.id, quiet=as_json)
        diff = replay_end.diff_of(at, ended)
    if as_json:
        replay_end.print_json(told | replay_end.document(ended, diff))
        raise typer.Exit(1 if ended.state == State.FAILED else 0)
    replay_end.end(ended, diff, as_json=False)


def _wanted(
    stage: list[str] | None, reason: list[str] | None, source: list[str] | None, device: list[str] | None, since: int | None
) -> Wanted:  # fmt: skip
    lists = (tuple(given or ()) for given in (stage, reason, source, device))
    stages, reasons, sources, devices = lists
    return Wanted(stages=stages, reasons=reasons, sources=sources, devices=devices, since=since)


@contextmanager
def _store(loaded: Settings) -> Iterator[Store]:
    made = Store(loaded.clickhouse, "dead-letters")
    try:
        yield made
    except Transient as error:
        fail(f"the store does not answer: {error}")
    except (KafkaException, TimeoutError) as error:
        fail(f"the log does not answer: {error}")
    finally:
        made.close()


def _named(store: Store, names: Sequence[str]) -> list[DeadLetter]:
    found: dict[str, DeadLetter] = {}
    for name in names:
        named = letters.by_identity(store, name)
        if not named:
            fail(f"no dead letter has the id {name!r}; `isthmus dead-letters ls` shows them")
        found |= {identity(letter): letter for letter in named}
    return list(found.values())


def _selection(again: Sequence[DeadLetter], wanted: Wanted, *, by_name: bool) -> Selection:
    """Of letters by name: their stages, reasons and stretches of offsets, so that little else is tried with them."""
    if not by_name:
        return Selection(
            stages=wanted.stages, reasons=wanted.reasons, sources=wanted.sources, devices=wanted.devices,
            received_from=wanted.since,
        )  # fmt: skip
    offsets: dict[str, tuple[int, int]] = {}
    for letter in again:
        first, end = offsets.get(str(letter.raw_partition), (letter.raw_offset, letter.raw_offset + 1))
        offsets[str(letter.raw_partition)] = min(first, letter.raw_offset), max(end, letter.raw_offset + 1)
    return Selection(
        stages=tuple(sorted({letter.stage for letter in again})),
        reasons=tuple(sorted({letter.reason for letter in again})),
        offsets=offsets,
    )


def _confirm(
    chosen: Sequence[DeadLetter], again: Sequence[DeadLetter], diverted: Sequence[DeadLetter], *, yes: bool
) -> None:
    records = len({(letter.raw_partition, letter.raw_offset) for letter in again})
    parts = [f"{records} raw record(s) become a replay"] if again else []
    parts += [f"{len(diverted)} diverted record(s) are offered to raw"] if diverted else []
    rest = len(chosen) - len(again) - len(diverted)
    parts += [f"{rest} cannot be tried again"] if rest else []
    if not yes and not typer.confirm(f"{len(chosen)} dead letter(s): {', '.join(parts)}. Go on?"):
        typer.echo("nothing was done")
        raise typer.Exit(1)


def _resubmitted(loaded: Settings, diverted: Sequence[DeadLetter], *, quiet: bool) -> list[Outcome]:
    console = Console(stderr=True, quiet=quiet, emoji=False)
    try:
        every = resubmit.resubmit(loaded, core.load(loaded), diverted)
        return list(track(every, "offering to raw", len(diverted), console=console, transient=True))
    except Transient as error:
        fail(f"the store does not answer, so nobody knows what is in raw already: {error}")
    except (KafkaException, TimeoutError) as error:
        fail(f"the log does not answer: {error}; run this again, what was sent is not sent twice")


def _shown(loaded: Settings, ours: core.Core, store: Store, letter: DeadLetter) -> dict[str, Any]:
    told: dict[str, Any] = {"id": identity(letter), "letter": letter, "raw": None, "decoding": None}
    if letter.raw_partition >= 0:
        lineage = Lineage(letter.raw_partition, letter.raw_offset)
        try:
            raw = record.raw(loaded, ours, store, lineage)
        except record.Unknown as unknown:
            return told | {"fault": str(unknown)}
        return told | {"raw": raw, "decoding": record.decoding(ours, raw, lineage)}
    if resubmit.diverted(letter):
        try:
            made = resubmit.record_of(letter)
        except (ValueError, OSError) as error:
            return told | {"fault": str(error)}
        return told | {"raw": Raw(held_by="the diversion store", record=made)}
    return told
