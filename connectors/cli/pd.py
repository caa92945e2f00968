"""`isthmus pd …`: the boxes in the field."""

from typing import Annotated, Any

import typer

from connectors.cli import device_view as view
from connectors.cli import notes_cli
from connectors.cli import registry_client as api
from connectors.cli.device_options import (
    Cascade,
    Document,
    Name,
    Only,
    Part,
    Place,
    Properties,
    Puid,
    Sort,
    Uid,
    Why,
    document,
    location,
    pairs,
    uid,
)
from connectors.cli.output import AsJson, File, Plain, Yes, confirm, print_json
from connectors.cli.target import ApiGroup

HELP = """Physical devices: the boxes in the field.

Most make themselves known with their first message. One can also be registered, and mapped, before that:
`isthmus pd create --source wombat --name "probe 7" --id serial_no=B8D61A0100AA`.
"""
group = typer.Typer(cls=ApiGroup, no_args_is_help=True, rich_markup_mode="markdown", help=HELP)
Source = Annotated[str | None, typer.Option("--source", help="kind of sender, such as ttn")]
Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="KEY=VALUE", help="a source id, by which its messages find it")
]


def register(app: typer.Typer) -> None:
    """Add `pd` to the command line."""
    group.add_typer(notes_cli.group, name="notes")
    app.add_typer(group, name="pd")


@group.command()
def get(number: Uid = None, puid: Puid = None, properties: Properties = False, as_json: AsJson = False) -> None:
    """Show one device."""
    device = api.call("GET", f"/physical/devices/{uid(number, puid, '--puid')}")
    view.fields(device if properties else device | {"properties": {}}, as_json=as_json)


@group.command()
def ls(
    source: Source = None,
    name: Part = None,
    state: Only = None,
    sort: Sort = "uid",
    plain: Plain = False,
    properties: Properties = False,
    as_json: AsJson = False,
) -> None:
    """List devices, with what each feeds now."""
    _list({"source_name": source, "name": name, "state": state, "sort": sort}, properties, plain=plain, as_json=as_json)


@group.command()
def lum(
    source: Source = None,
    name: Part = None,
    state: Only = None,
    sort: Sort = "uid",
    plain: Plain = False,
    properties: Properties = False,
    as_json: AsJson = False,
) -> None:
    """List devices that are not mapped now."""
    asked = {"source_name": source, "name": name, "state": state, "sort": sort, "mapped": False}
    _list(asked, properties, plain=plain, as_json=as_json)


@group.command()
def create(
    text: Document = None,
    file: File = None,
    source: Source = None,
    name: Name = None,
    ids: Ids = None,
    place: Place = None,
    why: Why = "",
) -> None:
    """Register a device; prints it as JSON.

    `isthmus pd create --json '{"source_name": "ttn", "name": "Probe 7", "source_ids": {"dev_eui": "70b3d57ed0051a2b"}}'`,
    or with `--file FILE`, or option by option.
    """
    fields = {"source_name": source, "name": name, "source_ids": pairs(ids) if ids else None, **location(place)}
    print_json(api.call("POST", "/physical/devices", json=document(text, file, fields), params={"why": why}))


@group.command()
def up(
    number: Uid = None,
    puid: Puid = None,
    text: Document = None,
    file: File = None,
    name: Name = None,
    ids: Ids = None,
    place: Place = None,
    why: Why = "",
) -> None:
    """Change a device: what is given is merged into it, null removes a property; prints it as JSON."""
    fields = {"name": name, "source_ids": pairs(ids) if ids else None, **location(place)}
    edit = document(text, file, fields) | {"uid": uid(number, puid, "--puid")}
    print_json(api.call("PATCH", "/physical/devices", json=edit, params={"why": why}))


@group.command()
def rm(number: Uid = None, puid: Puid = None, cascade: Cascade = False, yes: Yes = False, why: Why = "") -> None:
    """Remove a device that nothing depends on, or (--cascade) any. Asks first."""
    which = uid(number, puid, "--puid")
    device = api.call("GET", f"/physical/devices/{which}")
    confirm(f"remove physical device {which} ({device['name']})?", yes=yes)
    api.call("DELETE", f"/physical/devices/{which}", params={"cascade": cascade, "why": why})


@group.command()
def history(number: Uid = None, puid: Puid = None, as_json: AsJson = False) -> None:
    """Who changed what, when, why, and what it was before."""
    changes = api.call("GET", f"/physical/devices/{uid(number, puid, '--puid')}/history")
    view.history(changes, as_json=as_json)


def _list(asked: dict[str, Any], properties: bool, *, plain: bool, as_json: bool) -> None:
    params = {k: v for k, v in asked.items() if v is not None} | {"include_properties": properties}
    found = api.call("GET", "/physical/devices", params=params)
    feeds = {} if as_json else _feeds()
    view.devices([(device, feeds.get(device["uid"])) for device in found], as_json=as_json, plain=plain)


def _feeds() -> dict[int, Any]:
    """Physical uid -> the logical device that it feeds now."""
    places = {one["uid"]: one for one in api.call("GET", "/logical/devices", params={"include_properties": False})}
    current = api.call("GET", "/mappings/current")
    return {one["pd"]: places[one["ld"]] for one in current if one["ld"] in places}
