"""`isthmus users`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `users` to the command line."""
