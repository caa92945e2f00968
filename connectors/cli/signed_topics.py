"""`isthmus signed-topics …`: which topics may send signed messages."""

import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import yaml

from connectors.cli import registry_client as api
from connectors.cli.target import ApiGroup

group = typer.Typer(
    cls=ApiGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Topics of signed messages: their keys, fields and retention.",
)
READERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}
KEY_VARIABLE = "ISTHMUS_SIGNED_KEY"

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="exact MQTT topic")]
Json = Annotated[bool, typer.Option("--json", help="JSON, and nothing else")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="TOML, JSON or YAML; its table `topics` may list several")]


def register(app: typer.Typer) -> None:
    """Add `signed-topics` to the command line."""
    app.add_typer(group, name="signed-topics")


@group.command()
def add(
    file: File,
    replace: Annotated[bool, typer.Option("--replace", help="also what is registered already")] = False,
    key: Annotated[bool, typer.Option("--key", help=f"read a key from {KEY_VARIABLE}, else standard input")] = False,
    as_json: Json = False,
) -> None:
    """Register what a file says.

    A file that registers one topic, `tank.toml`: `topic = "sensors/tank-1"`, `dataset = "tanks"`, `tags = { site = "north" }`,
    `raw_retention_s = 2592000`, `fields = { level = { type = "float", unit = "m", min = 0, max = 12 }, note = { type = "str",
    required = false } }`, each on a line of its own.

    `isthmus signed-topics add tank.toml --key` asks for its key. More members, as `freshness_s` and `extra_fields`, are in
    the API's documentation. The store's views hide points and aggregates that are older than their topic's retention;
    nothing is deleted by it.
    """
    secret = _secret() if key else None
    answers = [
        _send(entry if secret is None else _with_key(entry, secret), replace=replace) for entry in _entries(file)
    ]
    _show(answers, as_json=as_json)


@group.command()
def ls(as_json: Json = False) -> None:
    """List topics."""
    _show(api.call("GET", "/signed-topics"), as_json=as_json)


@group.command()
def show(topic: Topic, as_json: Json = False) -> None:
    """Show one topic; of its keys only fingerprints."""
    found = api.call("GET", f"/signed-topics/{quote(topic)}")
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


@group.command()
def rm(topic: Topic) -> None:
    """Forget a topic and its keys; what is stored stays."""
    api.call("DELETE", f"/signed-topics/{quote(topic)}")


def _entries(file: Path) -> list[dict[str, Any]]:
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        api.fail(f"{file}: the name must end in {', '.join(READERS)}")
    try:
        told = reader(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        # Not the parser's own words: they quote the file, which may hold keys.
        api.fail(f"{file}: {error if isinstance(error, OSError) else f'is no {file.suffix[1:].upper()}'}")
    entries = told.get("topics", [told]) if isinstance(told, dict) else told
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("topic"), str) for e in entries
    ):
        api.fail(f"{file}: each entry needs its topic")
    return entries


def _send(entry: dict[str, Any], *, replace: bool) -> dict[str, Any]:
    text = json.dumps(entry, default=str)  # TOML and YAML know times
    if not replace:
        answer = api.call("POST", "/signed-topics", json=json.loads(text))
    else:
        body = json.loads(text)
        answer = api.call("PUT", f"/signed-topics/{quote(body.pop('topic'))}", json=body)
    shown: dict[str, Any] = answer
    return shown


def _with_key(entry: dict[str, Any], secret: str) -> dict[str, Any]:
    return entry | {"keys": [*entry.get("keys", []), {"key": secret}]}


def _secret() -> str:
    told = os.environ.pop(KEY_VARIABLE, None)  # it is no setting, which all other ISTHMUS_ variables have to be
    if told is not None:
        return told
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = typer.prompt("key", hide_input=True, confirmation_prompt=True)
    return asked


def _show(topics: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(topics, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(map(_line, topics)) or "no signed topic is registered")


def _line(topic: dict[str, Any]) -> str:
    keys = " ".join(key["fingerprint"] for key in topic["keys"])
    return f"{topic['topic']:<40} {topic['dataset']:<20} {len(topic['fields']):>3} field(s)  keys {keys}"


def _lines(topic: dict[str, Any]) -> list[str]:
    fields = [f"field {name}: {_described(told)}" for name, told in topic["fields"].items()]
    keys = [
        f"key {k['fingerprint']}: {k['not_before'] or 'always'} … {k['not_after'] or 'open'}" for k in topic["keys"]
    ]
    rest = {name: told for name, told in topic.items() if name not in {"fields", "keys"} and told not in (None, "")}
    return [*(f"{name}: {told}" for name, told in rest.items()), *fields, *keys]


def _described(told: dict[str, Any]) -> str:
    bounds = "" if told["min"] is None and told["max"] is None else f" from {told['min']} to {told['max']}"
    return f"{told['type']} {told['unit']}{bounds}{'' if told['required'] else ', optional'}"
