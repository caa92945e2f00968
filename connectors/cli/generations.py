"""`isthmus generations …`: the decoding epochs."""

import json
from typing import Annotated, Any

import typer

from connectors.cli import registry_client as api
from connectors.cli.target import ApiGroup

group = typer.Typer(
    cls=ApiGroup,
    no_args_is_help=True,
    help="Decoding epochs: which code, codecs, rules and signed topics decode from which offsets.",
)


def register(app: typer.Typer) -> None:
    """Add `generations` to the command line."""
    app.add_typer(group, name="generations")


@group.command("list")
def listed(as_json: Annotated[bool, typer.Option("--json", help="JSON, and nothing else")] = False) -> None:
    """List generations, newest first."""
    generations = api.call("GET", "/generations")
    if as_json:
        typer.echo(json.dumps(generations, indent=2))
    else:
        typer.echo("\n".join(map(_line, generations)) or "no generation has been opened")


@group.command("open")
def open_one(why: Annotated[str, typer.Option(help="kept with the generation")]) -> None:
    """Open a generation now; changes of code, codecs, rules and signed topics open one without asking."""
    typer.echo(_line(api.call("POST", "/generations", json={"why": why})))


def _line(generation: dict[str, Any]) -> str:
    fences = " ".join(f"{partition}@{offset}" for partition, offset in sorted(generation["fences"].items()))
    hashes = " ".join(f"{part} {generation[part]}" for part in ("code", "codecs", "rules", "topics"))
    who = f"{generation['opened_at'][:19]} {generation['opened_by']}"
    return f"{generation['number']:>4}  {who}  {generation['why']}  from {fences}  {hashes}"
