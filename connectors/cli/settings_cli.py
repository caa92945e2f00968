"""`isthmus settings`: show what is in force, or an example file with every setting and its meaning."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr

from streams import settings
from streams.settings import Settings

HEAD = """\
# Every setting with its default. Copy what you change into isthmus.toml, or set a variable:
# ISTHMUS_KAFKA__PARTITIONS=8 is `partitions` of [kafka]. Secrets may come from files: ISTHMUS_UBIDOTS__TOKEN_FILE=…
"""


def register(app: typer.Typer) -> None:
    """Add `settings` to the command line."""
    app.command(name="settings")(show)


def show(
    example: Annotated[
        bool, typer.Option("--example", help="an isthmus.toml with every setting commented out")
    ] = False,
) -> None:
    """Print the settings in force as JSON (secrets masked), or every fault in them."""
    typer.echo(example_file() if example else settings.load().model_dump_json(indent=2))


def example_file() -> str:
    """The text of ``deploy/isthmus.example.toml``."""
    return HEAD + "\n".join(_lines())


def _lines() -> Iterator[str]:
    for section, declared in Settings.model_fields.items():
        kind = declared.annotation
        assert kind is not None  # noqa: S101 - every section is annotated; for the type checker
        yield f"\n# {(kind.__doc__ or '').strip()}\n[{section}]"
        yield from _fields(kind())


def _fields(section: BaseModel) -> Iterator[str]:
    for name, declared in type(section).model_fields.items():
        if declared.description:
            yield f"# {name}: {declared.description}"
        yield f"# {name} = {_toml(getattr(section, name))}"


def _toml(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields if getattr(value, name) is not None}
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if value is None or isinstance(value, SecretStr):
        return '""'
    return json.dumps(str(value) if isinstance(value, Path) else value)
