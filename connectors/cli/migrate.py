"""`isthmus migrate`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `migrate` to the command line."""
