"""`isthmus ld …`: the things people know, which outlive the boxes."""

from typing import Annotated

import typer

from connectors.cli import device_view as view
from connectors.cli import registry_client as api
from connectors.cli.device_options import (
    Cascade,
    Document,
    Force,
    Luid,
    Name,
    Only,
    Part,
    Place,
    Properties,
    Puid,
    Sort,
    Start,
    Uid,
    Why,
    document,
    location,
    uid,
)
from connectors.cli.output import AsJson, File, Plain, Yes, confirm, print_json
from connectors.cli.target import ApiGroup

HELP = """Logical devices: the things people know, such as a paddock's soil probe.

`isthmus ld cpd --puid 12 --map` makes one after a box, and maps the box to it.
"""
group = typer.Typer(cls=ApiGroup, no_args_is_help=True, rich_markup_mode="markdown", help=HELP)


def register(app: typer.Typer) -> None:
    """Add `ld` to the command line."""
    app.add_typer(group, name="ld")


@group.command()
def get(number: Uid = None, luid: Luid = None, properties: Properties = False, as_json: AsJson = False) -> None:
    """Show one device."""
    device = api.call("GET", f"/logical/devices/{uid(number, luid, '--luid')}")
    view.fields(device if properties else device | {"properties": {}}, as_json=as_json)


@group.command()
def ls(
    name: Part = None,
    state: Only = None,
    sort: Sort = "uid",
    plain: Plain = False,
    properties: Properties = False,
    as_json: AsJson = False,
) -> None:
    """List devices."""
    asked = {"name": name, "state": state, "sort": sort, "include_properties": properties}
    found = api.call("GET", "/logical/devices", params={k: v for k, v in asked.items() if v is not None})
    view.places(found, as_json=as_json, plain=plain)


@group.command()
def create(text: Document = None, file: File = None, name: Name = None, place: Place = None, why: Why = "") -> None:
    """Register a device; prints it as JSON. `isthmus ld create --name "North paddock" --location=-31.5,148.25`."""
    body = document(text, file, {"name": name, **location(place)})
    print_json(api.call("POST", "/logical/devices", json=body, params={"why": why}))


@group.command()
def up(
    number: Uid = None,
    luid: Luid = None,
    text: Document = None,
    file: File = None,
    name: Name = None,
    place: Place = None,
    why: Why = "",
) -> None:
    """Change a device: what is given is merged into it, null removes a property; prints it as JSON."""
    edit = document(text, file, {"name": name, **location(place)}) | {"uid": uid(number, luid, "--luid")}
    print_json(api.call("PATCH", "/logical/devices", json=edit, params={"why": why}))


@group.command()
def rm(number: Uid = None, luid: Luid = None, cascade: Cascade = False, yes: Yes = False, why: Why = "") -> None:
    """Remove a device that was never mapped, or (--cascade) any. Asks first."""
    which = uid(number, luid, "--luid")
    device = api.call("GET", f"/logical/devices/{which}")
    confirm(f"remove logical device {which} ({device['name']})?", yes=yes)
    api.call("DELETE", f"/logical/devices/{which}", params={"cascade": cascade, "why": why})


@group.command()
def cpd(
    number: Uid = None,
    puid: Puid = None,
    mapped: Annotated[bool, typer.Option("--map", help="and map the physical device to it")] = False,
    start: Start = None,
    force: Force = False,
    why: Why = "",
) -> None:
    """Make a logical device after a physical one: its name and location. Prints it as JSON."""
    asked = {"pd": uid(number, puid, "--puid"), "map": mapped, "start_time": start, "force": force}
    print_json(api.call("POST", "/logical/devices/copy", json=asked, params={"why": why}))


@group.command()
def history(number: Uid = None, luid: Luid = None, as_json: AsJson = False) -> None:
    """Who changed what, when, why, and what it was before."""
    changes = api.call("GET", f"/logical/devices/{uid(number, luid, '--luid')}/history")
    view.history(changes, as_json=as_json)
