"""What commands about devices take, and what they make of it."""

from typing import Annotated, Any, Literal

import typer

from connectors.cli.output import read_json
from connectors.cli.registry_client import fail

Puid = Annotated[int | None, typer.Option("--puid", metavar="UID", help="which physical device")]
Luid = Annotated[int | None, typer.Option("--luid", metavar="UID", help="which logical device")]
Uid = Annotated[int | None, typer.Argument(metavar="[UID]", help="or as option", show_default=False)]
Properties = Annotated[bool, typer.Option("--properties", help="with their properties")]
Name = Annotated[str | None, typer.Option("--name", help="what people call it")]
Place = Annotated[str | None, typer.Option("--location", metavar="LAT,LONG", help="degrees; none: no location")]
Document = Annotated[str | None, typer.Option("--json", metavar="JSON", help="the device's fields as a JSON object")]
Why = Annotated[str, typer.Option("--why", help="kept with the change; see history")]
Only = Annotated[Literal["live", "late", "missing"] | None, typer.Option("--state", help="only devices in this state")]
Part = Annotated[str | None, typer.Option("--name", help="only devices with this in their name")]
Sort = Annotated[
    Literal["uid", "-uid", "name", "-name", "last_seen", "-last_seen"],
    typer.Option("--sort", help="a minus in front: backwards"),
]
Force = Annotated[bool, typer.Option("--force", help="end what the physical device feeds now")]
Cascade = Annotated[
    bool, typer.Option("--cascade", help="even one with data, mappings or notes; what it measured stays")
]
Start = Annotated[str | None, typer.Option("--start", metavar="TIME", help="ISO 8601, past or future; default: now")]


SHOWN = frozenset({"uid", "device", "state", "last_raw"})
"""Fields that a device is shown with and that nobody sets: what was printed may be edited and given back."""
FIELDS = SHOWN | {"name", "location", "last_seen", "properties", "source_name", "source_ids"}


def uid(argument: int | None, option: int | None, name: str) -> int:
    """The one that was given, either way."""
    given = {one for one in (argument, option) if one is not None}
    if len(given) > 1:
        fail(f"which one: {argument} or {option}?")
    if not given:
        raise typer.BadParameter(f"name the device: UID, or {name} UID")
    return given.pop()


def one_of(puid: int | None, luid: int | None) -> tuple[str, int]:
    """The kind and uid of the one device that was named."""
    if (puid is None) == (luid is None):
        raise typer.BadParameter("give exactly one of --puid and --luid")
    return ("physical", puid) if puid is not None else ("logical", int(luid or 0))


def document(text: str | None, file: str | None, fields: dict[str, Any]) -> dict[str, Any]:
    """The device as the API takes it: a JSON object, or single options, or both."""
    given = {name: value for name, value in fields.items() if value is not None}
    if text is None and file is None and given:
        return given
    told = read_json(text, file)
    if isinstance(told, dict) and (unknown := sorted(set(told) - FIELDS)):
        fail(f"a device has no {', '.join(unknown)}; it has {', '.join(sorted(FIELDS - SHOWN))}")
    if not isinstance(told, dict):
        fail('a device is a JSON object, such as {"name": "North paddock"}')
    return told | given


def location(text: str | None) -> dict[str, Any]:
    """The field that `--location` sets; empty when it was not given."""
    if text is None:
        return {}
    if text == "none":
        return {"location": {"lat": None, "long": None}}
    try:
        lat, long = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no LAT,LONG, such as -31.5,148.25") from None
    return {"location": {"lat": lat, "long": long}}


def pairs(given: list[str]) -> dict[str, str]:
    """KEY=VALUE arguments."""
    found = dict(one.partition("=")[::2] for one in given if "=" in one)
    if len(found) != len(given):
        raise typer.BadParameter("write each as KEY=VALUE, such as dev_eui=70b3d57ed0051a2b")
    return found
