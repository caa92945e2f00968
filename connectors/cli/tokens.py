"""`isthmus tokens …`: tokens of whoever is logged in, for programs."""

from typing import Annotated
from urllib.parse import quote

import typer

from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, Yes, confirm, print_json, print_table
from connectors.cli.target import ApiGroup

group = typer.Typer(cls=ApiGroup, no_args_is_help=True, help="Your own tokens, for programs; `isthmus login` first.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="which program it is for")]
Days = Annotated[int | None, typer.Option(min=1, max=3650, help="how long it lasts; default: as a login's")]


def register(app: typer.Typer) -> None:
    """Add `tokens` to the command line."""
    app.add_typer(group, name="tokens")


@group.command()
def add(name: Name, days: Days = None, as_json: AsJson = False) -> None:
    """Make a token and print it, this once. It may do what you may.

    `isthmus tokens add grafana --days 365`
    """
    made = api.call("POST", "/tokens", json={"name": name, "days": days})
    if as_json:
        print_json(made)
    else:
        typer.echo(made["token"])
        typer.echo(f"isthmus: token {name} lasts until {made['expires_at'][:10]}; it is shown only now", err=True)


@group.command()
def ls(as_json: AsJson = False) -> None:
    """List your tokens, without their secrets."""
    show(api.call("GET", "/tokens"), as_json=as_json)


@group.command()
def rm(name: Name, yes: Yes = False) -> None:
    """End a token; `login` ends every login, this one too."""
    confirm(f"end token {name}?", yes=yes)
    api.call("DELETE", f"/tokens/{quote(name, safe='')}")


def show(tokens: list[dict[str, str]], *, as_json: bool) -> None:
    """Tokens as the API lists them."""
    if as_json:
        print_json(tokens)
        return
    rows = [(t["name"], t["created_at"][:19], t["expires_at"][:19], "this one" if t["current"] else "") for t in tokens]
    print_table(("name", "made", "until", ""), rows, "no tokens")
