"""How devices and mappings are shown: a table, IoTa's plain lines, the fields of one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from connectors.cli.output import print_json, print_table

Device = Mapping[str, Any]
Pair = tuple[Device, Device | None]
"""A physical device, and the logical one that it feeds now."""


def devices(found: Sequence[Pair], *, as_json: bool, plain: bool) -> None:
    """Physical devices, each with the logical one that it feeds."""
    if as_json:
        print_json([device for device, _ in found])
    elif plain:
        for device, fed in found:
            typer.echo(plain_line(device) + (f" --> {plain_line(fed)}" if fed else ""))
    else:
        rows = [
            (
                d["uid"],
                d["name"],
                d["source_name"],
                _minute(d["last_seen"]),
                d.get("state"),
                fed and f"{fed['uid']} {fed['name']}",
            )
            for d, fed in found
        ]
        print_table(("uid", "name", "source", "last seen", "state", "feeds"), rows, "no physical devices")


def places(found: Sequence[Device], *, as_json: bool, plain: bool) -> None:
    """Logical devices."""
    if as_json:
        print_json(found)
    elif plain:
        for device in found:
            typer.echo(plain_line(device))
    else:
        rows = [(d["uid"], d["name"], _place(d["location"]), _minute(d["last_seen"]), d.get("state")) for d in found]
        print_table(("uid", "name", "location", "last seen", "state"), rows, "no logical devices")


def mappings(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Mappings, newest first."""
    if as_json:
        print_json(found)
        return
    rows = [
        (_named(m["pd"]), _named(m["ld"]), m["start_time"], m["end_time"], "" if m["is_active"] else "paused",
         variables(m.get("variables") or ()))
        for m in found
    ]  # fmt: skip
    print_table(("physical", "logical", "start", "end", "", "shows"), rows, "no mappings")


def variables(found: Iterable[Mapping[str, Any]]) -> str:
    """What a mapping renames, scales and drops, in words."""
    return ", ".join(map(_variable, found))


def fields(device: Device, *, as_json: bool) -> None:
    """One device."""
    if as_json:
        print_json(device)
        return
    rows = [(name, _cell(name, value)) for name, value in device.items() if value not in ({}, None)]
    print_table(("field", "value"), rows, "")


def history(changes: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Who changed what, newest first."""
    if as_json:
        print_json(changes)
        return
    rows = [(c["at"][:19], c["by"], c["kind"], _difference(c), c["why"]) for c in changes]
    print_table(("when (UTC)", "who", "what", "before → after", "why"), rows, "no change is recorded")


def plain_line(device: Device) -> str:
    """uid right-aligned to 5, name left-aligned to 48, last seen to the minute, as IoTa prints it."""
    return f"{device['uid']:>5} {device['name']:<48} {_minute(device['last_seen'])}"


def _variable(one: Mapping[str, Any]) -> str:
    if one["drop"]:
        return f"{one['from']} dropped"
    scale = "" if one["scale"] == 1 else f" × {one['scale']:g}"
    offset = "" if one["offset"] == 0 else f" {one['offset']:+g}"
    return f"{one['from']} as {one['to'] or one['from']}{scale}{offset}"


def _difference(change: Mapping[str, Any]) -> str:
    before, after = change["before"], change["after"]
    if change["kind"] != "changed":
        return ""
    if "intervals" in after:
        return f"{_intervals(before.get('intervals', []))} → {_intervals(after['intervals'])}"
    return "; ".join(f"{name}: {_json(before.get(name))} → {_json(after.get(name))}" for name in {**before, **after})


def _intervals(found: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(map(_interval, found)) or "never mapped"


def _interval(one: Mapping[str, Any]) -> str:
    until = "" if one["end_time"] is None else f" to {one['end_time'][:16]}"
    paused = "" if one["is_active"] else ", paused"
    shows = f" ({variables(one['variables'])})" if one["variables"] else ""
    return f"{one['ld']} from {one['start_time'][:16]}{until}{paused}{shows}"


def _minute(time: str | None) -> str:
    return "Never" if time is None else datetime.fromisoformat(time).isoformat(timespec="minutes")


def _place(location: Mapping[str, float] | None) -> str | None:
    return None if location is None else f"{location['lat']:g}, {location['long']:g}"


def _named(device: int | Mapping[str, Any]) -> str:
    return str(device) if isinstance(device, int) else f"{device['uid']} {device['name']}"


def _cell(name: str, value: Any) -> str:
    if name == "location":
        return _place(value) or ""
    return _json(value) if isinstance(value, dict | list) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
