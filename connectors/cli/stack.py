"""`isthmus stack`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `stack` to the command line."""
