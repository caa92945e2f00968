"""`isthmus map …`: which box feeds which place, since when."""

from typing import Annotated, Any

import typer

from connectors.cli import device_view as view
from connectors.cli import registry_client as api
from connectors.cli.device_options import Force, Luid, Puid, Start, Uid, Why, one_of, uid
from connectors.cli.output import AsJson, File, print_json, read_json
from connectors.cli.target import ApiGroup

HELP = """Mappings: which physical device feeds which logical one, since when.

`isthmus map start --puid 12 --luid 3 --start 2026-05-01` also corrects the past: what was measured since then is placed anew.
"""
group = typer.Typer(cls=ApiGroup, no_args_is_help=True, rich_markup_mode="markdown", help=HELP)
NeededPuid = Annotated[int, typer.Option("--puid", metavar="UID", help="which physical device")]
NeededLuid = Annotated[int, typer.Option("--luid", metavar="UID", help="which logical device")]


def register(app: typer.Typer) -> None:
    """Add `map` to the command line."""
    app.add_typer(group, name="map")


@group.command()
def start(
    puid: NeededPuid,
    luid: NeededLuid,
    start: Start = None,
    force: Force = False,
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """Start a mapping, and show it. What feeds the logical device now ends at exactly that time."""
    asked = {"pd": puid, "ld": luid, "start_time": start, "force": force}
    api.call("POST", "/mappings", json=asked, params={"why": why})
    _shown(api.call("GET", f"/mappings/physical/latest/{puid}"), as_json=as_json)


@group.command()
def ls(puid: Puid = None, luid: Luid = None, as_json: AsJson = False) -> None:
    """List every mapping that a device ever had, newest first; without a device, the mappings of now."""
    if puid is None and luid is None:
        view.mappings(api.call("GET", "/mappings/current", params={"return_uids": as_json}), as_json=as_json)
        return
    kind, which = one_of(puid, luid)
    view.mappings(api.call("GET", f"/mappings/{kind}/all/{which}"), as_json=as_json)


@group.command()
def end(
    puid: Puid = None,
    luid: Luid = None,
    at: Annotated[str | None, typer.Option("--end", metavar="TIME", help="ISO 8601; default: now")] = None,
    why: Why = "",
) -> None:
    """End the open mapping of a device."""
    kind, which = one_of(puid, luid)
    params = {"why": why} | ({} if at is None else {"end_time": at})
    api.call("PATCH", f"/mappings/{kind}/end/{which}", params=params)


@group.command()
def toggle(
    puid: Puid = None,
    luid: Luid = None,
    enable: Annotated[bool, typer.Option("--enable", help="resume it")] = False,
    disable: Annotated[bool, typer.Option("--disable", help="pause it")] = False,
    why: Why = "",
) -> None:
    """Pause or resume the open mapping of a device; what ended stays as it is."""
    kind, which = one_of(puid, luid)
    if enable == disable:
        raise typer.BadParameter("give exactly one of --enable and --disable")
    params: dict[str, Any] = {"is_active": enable, "why": why, f"{kind[0]}uid": which}
    api.call("PATCH", "/mappings/toggle-active", params=params)


@group.command("show-as")
def show_as(
    puid: Puid = None,
    luid: Luid = None,
    text: Annotated[str | None, typer.Option("--json", metavar="JSON", help="a JSON array of variables")] = None,
    file: File = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help="default: since it began")] = None,
    why: Why = "",
) -> None:
    """Set what the open mapping of a device renames, scales or drops, in place of what it did before.

    `isthmus map show-as --luid 3 --json '[{"from": "temp_1", "to": "soil_temperature"}, {"from": "rssi", "drop": true}]'`
    """
    kind, which = one_of(puid, luid)
    asked = {"variables": read_json(text, file), "start_time": start}
    print_json(api.call("PUT", f"/mappings/{kind}/variables/{which}", json=asked, params={"why": why}))


@group.command()
def history(number: Uid = None, puid: Puid = None, as_json: AsJson = False) -> None:
    """Who changed the mapping of a physical device, when, why, and what it was before."""
    changes = api.call("GET", f"/mappings/physical/history/{uid(number, puid, '--puid')}")
    view.history(changes, as_json=as_json)


def _shown(mapping: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(mapping)
    else:
        view.mappings([mapping], as_json=False)
