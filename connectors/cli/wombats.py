"""`isthmus wombats …`: scripts that Wombat nodes take when they next wake."""

from typing import Annotated, Any, Literal

import typer

from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, print_json
from connectors.cli.target import ApiGroup

group = typer.Typer(
    cls=ApiGroup, no_args_is_help=True, help="Scripts for Wombat nodes, which take them when they next wake."
)
Uid = Annotated[int, typer.Argument(metavar="UID", help="of the physical device")]


def register(app: typer.Typer) -> None:
    """Add `wombats` to the command line."""
    app.add_typer(group, name="wombats")


@group.command()
def send(device: Uid, action: Literal["logs", "data", "ota"], as_json: AsJson = False) -> None:
    """Have a node upload its logs or data, or update its firmware."""
    _show(api.call("PUT", f"/wombats/{device}/script", json={"action": action}), as_json=as_json)


@group.command()
def show(device: Uid, as_json: AsJson = False) -> None:
    """Show what waits for a node; nothing: it has taken it."""
    _show(api.call("GET", f"/wombats/{device}/script"), as_json=as_json)


@group.command()
def clear(device: Uid, as_json: AsJson = False) -> None:
    """Take back what waits for a node."""
    _show(api.call("DELETE", f"/wombats/{device}/script"), as_json=as_json)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(found["script"] or f"nothing waits for {found['serial_no']}", nl=found["script"] is None)
