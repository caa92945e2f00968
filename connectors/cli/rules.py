"""`isthmus rules …`: what vendors' measurement names become."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from connectors import units
from connectors.cli import registry_client as api
from connectors.cli.registry_client import fail
from connectors.cli.target import ApiGroup
from streams.core.message import QUALITY, Sender, Value
from streams.core.normalise import normalise
from streams.core.records import Rule
from streams.core.rules import Rules
from streams.core.samples import Scope

NOON = 1_767_268_800_000_000_000
"""Any time will do: rules do not depend on it."""

group = typer.Typer(cls=ApiGroup, no_args_is_help=True, help="Rules that rename, scale or drop what vendors send.")
Id = Annotated[str, typer.Argument(metavar="ID", help="the rule's name")]
Json = Annotated[bool, typer.Option("--json", help="JSON, and nothing else")]
File = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="TOML with tables [[rule]], or JSON")
]


def register(app: typer.Typer) -> None:
    """Add `rules` to the command line."""
    app.add_typer(group, name="rules")


@group.command()
def add(
    id: Annotated[str | None, typer.Argument(metavar="ID", help="default: what it is for")] = None,
    measurement: Annotated[str | None, typer.Option("--from", help="the vendor's name")] = None,
    target: Annotated[str | None, typer.Option("--to", help="new name; see `isthmus vocabulary`")] = None,
    unit: Annotated[str | None, typer.Option(help="default: that of the standard name")] = None,
    unit_from: Annotated[str | None, typer.Option(help="the vendor's unit: scale and offset are computed")] = None,
    scale: Annotated[float, typer.Option(help="value × scale + offset")] = 1.0,
    offset: Annotated[float, typer.Option()] = 0.0,
    drop: Annotated[bool, typer.Option("--drop", help="leave such values out")] = False,
    source: Annotated[str, typer.Option(help="only from this source")] = "",
    model: Annotated[str, typer.Option(help="only from this model, brand/model")] = "",
    device: Annotated[str, typer.Option(help="only from this device key")] = "",
    file: File = None,
    why: Annotated[str, typer.Option(help="kept with the rule")] = "",
    as_json: Json = False,
) -> None:
    """Add or replace a rule, or each rule of a file. Live readings follow from the next generation on."""
    if (file is None) == (measurement is None):
        fail("give --from, or --file")
    told = {"id": id, "from": measurement, "to": target, "unit": unit, "unit_from": unit_from, "scale": scale}
    told |= {"offset": offset, "drop": drop, "source": source, "model": model, "device": device}
    asked = [told] if file is None else _in_file(file)
    made = [_made(one) for one in asked]
    _show([api.call("PUT", f"/rules/{_quoted(name)}", json=body, params={"why": why}) for name, body in made], as_json)


@group.command()
def ls(as_json: Json = False) -> None:
    """List the rules in force."""
    rules = api.call("GET", "/rules")
    typer.echo(
        json.dumps(rules, indent=2, ensure_ascii=False) if as_json else "\n".join(map(_line, rules)) or "no rules"
    )


@group.command()
def show(id: Id, as_json: Json = False) -> None:
    """Show one rule."""
    _show([api.call("GET", f"/rules/{_quoted(id)}")], as_json)


@group.command()
def rm(id: Id, as_json: Json = False) -> None:
    """Remove a rule. Live readings follow from the next generation on."""
    _show([api.call("DELETE", f"/rules/{_quoted(id)}")], as_json)


@group.command("try")
def try_one(
    value: Annotated[str, typer.Option(help="a number or text, as the vendor sends it")],
    measurement: Annotated[str, typer.Option("--from", help="the vendor's name")],
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="rules to try; nothing is asked of the API")
    ] = None,
    name: Annotated[str | None, typer.Option(help="a rule in force")] = None,
    source: Annotated[str, typer.Option(help="of the sender")] = "",
    model: Annotated[str, typer.Option(help="of the sender")] = "",
    device: Annotated[str, typer.Option(help="of the sender")] = "",
    as_json: Json = False,
) -> None:
    """Show what a value would become, by the rules of a file or by one that is in force."""
    if (file is None) == (name is None):
        fail("give a file of rules, or --name of one in force")
    asked = _in_file(file) if file is not None else [api.call("GET", f"/rules/{_quoted(str(name))}")]
    rules = Rules([msgspec.convert({"id": known, **body}, Rule) for known, body in map(_made, asked)])
    sender = Sender(device=device, source_ids={}, model=model)
    scope = Scope(source=source, sender=sender, quality=0, rules=rules, mapping=None, latest=NOON)
    made = normalise([Value(measurement, _typed(value), NOON)], scope)
    left = [*made.ignored, *(rejected.reason for rejected in made.rejected)]
    shown: list[dict[str, Any]] = [
        {
            "name": m.name,
            "value": m.text if m.value is None else m.value,
            "unit": m.unit,
            "quality": [name for name, bit in QUALITY.items() if m.quality & bit],
        }
        for m in made.measurements
    ]
    if as_json:
        typer.echo(json.dumps({"measurements": shown, "left_out": left}, ensure_ascii=False))
    else:
        marks = [f"{m['name']} = {m['value']} {m['unit']} {' '.join(m['quality'])}".rstrip() for m in shown]
        typer.echo("\n".join([*marks, *(f"left out: {reason}" for reason in left)]))


def _made(told: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The rule's id and the body that the API takes: unit conversions become scale and offset."""
    fields = ("from", "to", "unit", "scale", "offset", "drop", "source", "model", "device")
    body = {name: told[name] for name in fields if told.get(name) is not None}
    unknown = sorted(set(told) - {*fields, "id", "unit_from", "changed_at", "changed_by", "why", "replay"})
    if unknown or not isinstance(told.get("from"), str):
        fail(f"a rule has no {', '.join(unknown)}" if unknown else "a rule needs from")
    if (unit_from := told.get("unit_from")) is not None:
        body |= _converted(str(unit_from), body)
    scope = [body[name] for name in ("source", "model", "device") if body.get(name)]
    return str(told.get("id") or "/".join([*scope, body["from"]])), body


def _converted(unit_from: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return units.computed(unit_from, body, name=body.get("to") or body["from"])
    except units.NoConversion as refusal:
        fail(str(refusal))


def _in_file(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text("utf-8")
        told = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (ValueError, OSError) as error:
        fail(f"{file}: {error}")
    rules = told.get("rule") if isinstance(told, dict) else told
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        fail(f"{file} holds no list of rules: tables [[rule]] in TOML, an array in JSON")
    return rules


def _typed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _quoted(id: str) -> str:
    from urllib.parse import quote

    return quote(id, safe="")


def _show(rules: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rules, indent=2, ensure_ascii=False))
        return
    for rule in rules:
        typer.echo(f"{_line(rule)}\n  what was decoded before: {rule['replay']}")


def _line(rule: dict[str, Any]) -> str:
    scope = " ".join(f"{name} {rule[name]}" for name in ("source", "model", "device") if rule[name]) or "every device"
    scaled = f" × {rule['scale']:g} {rule['offset']:+g}" if (rule["scale"], rule["offset"]) != (1.0, 0.0) else ""
    becomes = "dropped" if rule["drop"] else f"{rule['to'] or rule['from']}{scaled} {rule['unit'] or ''}".rstrip()
    return f"{rule['id']}: {rule['from']} → {becomes}  ({scope})"
