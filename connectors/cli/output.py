"""What commands print and read: JSON and nothing else, a table, plain lines; a file or standard input; a question."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connectors.cli.registry_client import fail

AsJson = Annotated[bool, typer.Option("--json", help="JSON, and nothing else")]
Plain = Annotated[bool, typer.Option("--plain", help="one line each, for grep and awk")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
File = Annotated[str | None, typer.Option("--file", metavar="FILE", help="read it from this file; - is standard input")]


def print_json(value: Any) -> None:
    """A document, indented; foreign text as it is."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table without lines, or what to say when there is no row; None shows as nothing, foreign text as it is."""
    made = Table(*columns, box=None, header_style="bold", pad_edge=False)
    made.columns[0].no_wrap = True
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    if made.row_count:
        Console(highlight=False, emoji=False).print(made)
    else:
        typer.echo(empty, err=True)


def read_text(file: str) -> str:
    """The file's text; ``-`` is standard input. A file that cannot be read ends the command with 1."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}")


def read_json(text: str | None, file: str | None) -> Any:
    """The JSON value that a command was given, as text or as a file; exactly one of them. A fault ends it with 1."""
    if (text is None) == (file is None):
        raise typer.BadParameter("give the JSON itself, or --file FILE (- is standard input)")
    try:
        return json.loads(read_text(file) if file is not None else str(text))
    except ValueError as error:
        fail(f"{'what was given' if file is None else file} is no JSON: {error}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back; without a terminal to ask at, only ``--yes`` goes on."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: say --yes")
    typer.confirm(question, abort=True, err=True)
