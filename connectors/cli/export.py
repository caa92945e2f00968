"""`isthmus export`, `isthmus apply FILE`: devices and open mappings as a file that people edit and keep."""

from collections import Counter
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track

from connectors.cli import registry_client as api
from connectors.cli.device_options import Why
from connectors.cli.output import AsJson, Yes, confirm, print_json, print_table, read_text
from connectors.cli.registry_client import fail
from connectors.cli.target import ApiCommand
from connectors.cli.wanted import FORMAT, Found, Have, Step, Unclear, Wanted, same_box, steps

PAGE = 5000
Input = Annotated[
    str, typer.Argument(metavar="FILE", help="YAML or JSON, as `isthmus export` writes it; - is standard input")
]


def register(app: typer.Typer) -> None:
    """Add `export` and `apply` to the command line."""
    app.command(cls=ApiCommand)(export)
    app.command(cls=ApiCommand)(apply)


def export(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="- is standard output")] = "-",
    as_json: AsJson = False,
) -> None:
    """Write devices and open mappings to a file, as YAML, to be edited and applied, here or elsewhere.

    Not a backup: history, users and codecs are not in it, see `isthmus registry backup`.
    """
    document = _document(_have())
    if as_json:
        print_json(document)
        return
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    if output == "-":
        typer.echo(text, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        fail(f"{output} cannot be written: {error}")


def apply(
    file: Input,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    why: Why = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make the registry as the file says: create, change and map what differs; what the file does not name stays.

    Applied twice, the second time changes nothing. Interrupted, it is simply applied again.
    """
    wanted, have = _wanted(file), _have()
    try:
        todo = list(steps(wanted, have))
    except Unclear as error:
        fail(f"{file}: {error}")
    if as_json and dry_run:
        print_json([{"verb": one.verb, "what": one.what} for one in todo])
    elif not as_json:
        print_table(("", "what"), [(one.verb, one.what) for one in todo], "everything is so already")
    if dry_run or not todo:
        return
    confirm(f"make {len(todo)} change(s)?", yes=yes)
    for step in track(todo, "applying", console=Console(stderr=True, emoji=False), disable=len(todo) < 2):
        _do(step, wanted, why)
    done = Counter(step.verb for step in todo)
    print_json(done) if as_json else typer.echo(", ".join(f"{count} {verb}" for verb, count in done.items()) + ": done")


def _do(step: Step, wanted: Wanted, why: str) -> None:
    body = step.body if step.ends is None else step.body | _ends(step.ends, wanted)
    api.call(step.method, step.path, json=body, params={"why": why})


def _ends(ends: tuple[int | str, int | str], wanted: Wanted) -> dict[str, int]:
    """The uids of a mapping's devices, some of which were made a moment ago."""
    pd, ld = ends
    if isinstance(pd, str):
        box = next(one for one in wanted.physical_devices if one.device == pd)
        listed = api.call("GET", "/physical/devices", params={"source_name": box.source_name})
        pd = next(one["uid"] for one in listed if same_box(box, one))
    if isinstance(ld, str):
        ld = next(one["uid"] for one in api.call("GET", "/logical/devices", params={"name": ld}) if one["name"] == ld)
    return {"pd": pd, "ld": ld}


def _wanted(file: str) -> Wanted:
    try:
        wanted = Wanted.model_validate(yaml.safe_load(read_text(file)) or {})
    except yaml.YAMLError as error:
        fail(f"{file} is no YAML: {' '.join(str(error).split())}")
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
        fail(f"{file}: {'; '.join(faults)}")
    if wanted.format != FORMAT:
        fail(f"{file} has format {wanted.format!r}; this command reads {FORMAT!r}")
    return wanted


def _have() -> Have:
    physical, logical = _listed("/physical/devices"), _listed("/logical/devices")
    return Have(physical, logical, api.call("GET", "/mappings/current"))


def _listed(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while some := api.call("GET", path, params={"limit": PAGE, "offset": len(found)}):
        found += some
    return found


def _document(have: Have) -> dict[str, Any]:
    names = Counter(one["name"] for one in have.logical)
    keys = {one["uid"]: one["device"] for one in have.physical}
    called = {one["uid"]: one["name"] if names[one["name"]] == 1 else one["uid"] for one in have.logical}
    opened = [one for one in have.mappings if one["end_time"] is None and one["ld"] in called and one["pd"] in keys]
    return {
        "format": FORMAT,
        "physical_devices": [
            _shown(one, ("device", "source_name", "name", "location", "source_ids", "properties"))
            for one in have.physical
        ],
        "logical_devices": [
            ({"uid": one["uid"]} if names[one["name"]] > 1 else {}) | _shown(one, ("name", "location", "properties"))
            for one in have.logical
        ],
        "mappings": [
            {"pd": keys[one["pd"]], "ld": called[one["ld"]], "start_time": one["start_time"]} | _shown(one, ("variables",))
            for one in opened
        ],
    }  # fmt: skip


def _shown(found: Found, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: found[name] for name in names if found[name] not in (None, {}, [])}
