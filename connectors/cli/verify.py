"""`isthmus verify`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `verify` to the command line."""
