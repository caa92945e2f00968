"""`isthmus signed-topics …`: which topics may send signed messages."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from connectors.cli import registry_client as api
from connectors.cli.signed_topic_files import KEY_VARIABLE, BadFile, entries, key_of_environment, with_key
from connectors.cli.target import ApiGroup

group = typer.Typer(
    cls=ApiGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Topics of signed messages: their keys, fields and retention.",
)
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
    answers = [_send(entry if secret is None else with_key(entry, secret), replace=replace) for entry in _entries(file)]
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
    try:
        return entries(file)
    except BadFile as fault:
        api.fail(str(fault))


def _send(entry: dict[str, Any], *, replace: bool) -> dict[str, Any]:
    if not replace:
        answer = api.call("POST", "/signed-topics", json=entry)
    else:
        body = dict(entry)
        answer = api.call("PUT", f"/signed-topics/{quote(body.pop('topic'))}", json=body)
    shown: dict[str, Any] = answer
    return shown


def _secret() -> str:
    told = key_of_environment()
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
