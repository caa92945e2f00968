"""`isthmus generations`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `generations` to the command line."""
