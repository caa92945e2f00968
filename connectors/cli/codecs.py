"""`isthmus codecs …`: programs that read payload bytes, which vendors publish for their devices."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import typer

from connectors.api import client
from connectors.cli import codecs_corpus, codecs_try, codecs_view
from connectors.cli.codecs_try import AsJson, ExamplesFile, Language, Lenient
from connectors.cli.registry_client import call, connected, fail
from connectors.cli.target import ApiGroup
from connectors.codecs import files
from connectors.codecs.trial import Trial

HELP = """Payload codecs: vendors' JavaScript, declared tables, and the built-in ones.

A codec reads the payload bytes of one device model, in the sandbox. It is chosen by device, else application, else
profile, else model. A typical way:

`isthmus codecs test lht65.js --examples examples.json` tries it here, offline.

`isthmus codecs add lht65.js --applies-to application:my-sensors` runs its examples, then decodes with it from now on.

`isthmus replay run --codec lht65` shows what it makes of the past; `--codec lht65=new.js` tries another version there.
"""

group = typer.Typer(cls=ApiGroup, no_args_is_help=True, rich_markup_mode="markdown", help=HELP)
Name = Annotated[str, typer.Argument(metavar="NAME")]
Why = Annotated[str, typer.Option(help="kept with the codec and its generation")]
TARGETS = "application:ID, profile:ID, model:BRAND/MODEL or device:KEY; repeat for several"


def register(app: typer.Typer) -> None:
    """Add `codecs` to the command line."""
    if not group.registered_commands:
        group.command("add")(add)
        group.command("ls")(ls)
        group.command("show")(show)
        group.command("retarget")(retarget)
        group.command("rm")(rm)
        codecs_try.register(group)
        codecs_corpus.register(group)
    app.add_typer(group, name="codecs")


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the codec; with --language native its name")],
    name: Annotated[str | None, typer.Option(help="what it is called; else as its file")] = None,
    language: Language = None,
    applies_to: Annotated[list[str] | None, typer.Option("--applies-to", metavar="TARGET", help=TARGETS)] = None,
    examples: ExamplesFile = None,
    lenient: Lenient = False,
    force: Annotated[bool, typer.Option("--force", help="register it although examples come out otherwise")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="start the dry run that it calls for at once")] = False,
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Register a codec, or a new version of it, once its examples come out.

    `isthmus codecs add lht65.js --applies-to application:my-sensors --examples examples.json`

    `isthmus codecs add lht65.js --why "battery in volts"` replaces it; targets and examples stay when none are given.

    `isthmus codecs add lpp --language native --applies-to profile:cayenne`

    What comes from now on is decoded with it, in a generation of its own. The past stays as it is until it is replayed.
    """
    if replay and as_json:
        raise typer.BadParameter("--replay shows a dry run: leave --json out, or start the replay with its own --json")
    try:
        tried = codecs_try.read(file, examples, language, lenient=lenient)
    except ValueError as error:
        codecs_try.unusable(str(error))
    called = name or tried.name
    answer = _registered(called, _body(tried, applies_to, force=force), why, as_json=as_json)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    codecs_view.print_registered(codecs_view.console(), answer)
    if replay and answer["replay"]:
        _start_dry_run(answer["replay"]["command"])


def ls(as_json: AsJson = False) -> None:
    """List the registered codecs and what they read."""
    codecs = call("GET", "/codecs")
    if as_json:
        typer.echo(json.dumps(codecs, indent=2))
    else:
        codecs_view.print_codecs(codecs_view.console(), codecs)


def show(
    name: Name,
    code: Annotated[bool, typer.Option("--code", help="its code, and nothing else")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a codec; `isthmus codecs show lht65 --code > lht65.js` gives its code back."""
    found = call("GET", f"/codecs/{quote(name, safe='')}")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif code:
        sys.stdout.write(found["code"])
    else:
        codecs_view.print_codec(codecs_view.console(), found)


def retarget(
    name: Name,
    applies_to: Annotated[list[str], typer.Option("--applies-to", metavar="TARGET", help=TARGETS)],
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Say anew what a codec reads; these targets replace the ones that it has."""
    path = f"/codecs/{quote(name, safe='')}/targets"
    answer = call("PUT", path, json={"applies_to": applies_to}, params={"why": why})
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        codecs_view.print_registered(codecs_view.console(), answer)


def rm(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a codec: what it has read stays, what comes is read by the next in the order of choice."""
    path = f"/codecs/{quote(name, safe='')}"
    found = call("GET", path)
    if not yes:
        if as_json:
            raise typer.BadParameter("--json asks nothing: say --yes")
        typer.confirm(f"remove {name}, which reads {', '.join(found['applies_to'])}?", abort=True)
    call("DELETE", path)
    typer.echo(json.dumps({"removed": name}) if as_json else f"{name} is removed")


def _body(tried: Trial, applies_to: list[str] | None, *, force: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "language": tried.language, "code": tried.code, "lenient": tried.lenient, "force": force,
        "applies_to": applies_to or None, "examples": files.entries(tried.examples) or None,
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def _registered(name: str, body: dict[str, Any], why: str, *, as_json: bool) -> Any:
    """The API's answer; what it refuses ends the command with 1, its failing examples shown."""
    path = f"/codecs/{quote(name, safe='')}"
    with connected() as api:
        try:
            return api.call("PUT", path, json=body, params={"why": why}, timeout=client.LONG_S)
        except client.Denied as refusal:
            _refused(refusal, as_json=as_json)


def _refused(refusal: client.Denied, *, as_json: bool) -> NoReturn:
    examined = refusal.body.get("examined") if isinstance(refusal.body, dict) else None
    if as_json and refusal.body is not None:
        typer.echo(json.dumps(refusal.body, indent=2))
    elif examined:
        codecs_view.print_checked(codecs_view.console(), codecs_view.read_checked(examined["checked"]))
    way_out = "; --force registers it all the same" if examined and not examined["fault"] else ""
    fail(refusal.detail.rstrip(".") + way_out)


def _start_dry_run(command: str) -> NoReturn:
    """In this process's place, so that it is exactly the command that was shown."""
    arguments = [sys.executable, "-m", "connectors.cli", *shlex.split(command)[1:]]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - this program again
