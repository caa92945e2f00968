"""`isthmus codecs …`: programs that read payload bytes, which vendors publish for their devices."""

import typer

from connectors.cli import codecs_try

HELP = """Payload codecs: vendors' JavaScript, declared tables, and the built-in ones.

A codec reads the payload bytes of one device model. Try one here, offline: `isthmus codecs test decoder.js`
"""

group = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=HELP)


def register(app: typer.Typer) -> None:
    """Add `codecs` to the command line."""
    codecs_try.register(group)
    app.add_typer(group, name="codecs")
