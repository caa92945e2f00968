"""`isthmus pd notes …`: what people write down about a physical device."""

from typing import Annotated

import typer

from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, Yes, confirm, print_json, print_table
from connectors.cli.target import ApiGroup

group = typer.Typer(cls=ApiGroup, no_args_is_help=True, help="Notes about a physical device.")
Uid = Annotated[int, typer.Argument(metavar="UID", help="of the physical device")]
Note = Annotated[int, typer.Argument(metavar="NOTE", help="the note's own uid")]
Text = Annotated[str, typer.Argument(metavar="TEXT")]


@group.command()
def ls(device: Uid, as_json: AsJson = False) -> None:
    """List notes, oldest first."""
    notes = api.call("GET", f"/physical/devices/notes/{device}")
    if as_json:
        print_json(notes)
    else:
        print_table(("uid", "when (UTC)", "note"), [(n["uid"], n["ts"][:19], n["note"]) for n in notes], "no notes")


@group.command()
def add(device: Uid, text: Text) -> None:
    """Write one."""
    api.call("POST", f"/physical/devices/notes/{device}", json={"note": text})


@group.command()
def up(note: Note, text: Text) -> None:
    """Write one anew; it keeps its time."""
    api.call("PATCH", "/physical/devices/notes", json={"uid": note, "note": text})


@group.command()
def rm(note: Note, yes: Yes = False) -> None:
    """Remove one. Asks first."""
    confirm(f"remove note {note}?", yes=yes)
    api.call("DELETE", f"/physical/devices/notes/{note}")
