"""`isthmus simulate`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `simulate` to the command line."""
