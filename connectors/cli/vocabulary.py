"""`isthmus vocabulary`: the standard measurement names, with units and plausible ranges."""

import json
from math import isfinite
from typing import Annotated

import msgspec
import typer

from streams.core.vocabulary import VOCABULARY, Standard


def register(app: typer.Typer) -> None:
    """Add `vocabulary` to the command line."""
    app.command()(vocabulary)


def vocabulary(as_json: Annotated[bool, typer.Option("--json", help="JSON, and nothing else")] = False) -> None:
    """Show the standard measurement names, their units, and the range in which a value is plausible."""
    if as_json:
        shown = [_shown(standard) for standard in VOCABULARY.measurement]
        typer.echo(json.dumps({"version": VOCABULARY.version, "measurements": shown}, indent=2, ensure_ascii=False))
        return
    for standard in VOCABULARY.measurement:
        typer.echo(f"{standard.name:<26} {standard.unit:<7} {_range(standard):<24} {standard.about}")


def _shown(standard: Standard) -> dict[str, object]:
    told = msgspec.to_builtins(standard)
    return {name: value for name, value in told.items() if not isinstance(value, float) or isfinite(value)}


def _range(standard: Standard) -> str:
    if standard.kind == "flag":
        return "0 or 1"
    if standard.kind == "text":
        return " or ".join(standard.texts)
    if isfinite(standard.below):
        return f"{standard.min:g} to below {standard.below:g}"
    return f"{standard.min:g} to {standard.max:g}"
