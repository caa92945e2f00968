"""`isthmus settings`: show what is in force."""

import typer

from streams import settings


def register(app: typer.Typer) -> None:
    """Add `settings` to the command line."""
    app.command(name="settings")(show)


def show() -> None:
    """Print the settings in force as JSON (secrets masked), or every fault in them."""
    typer.echo(settings.load().model_dump_json(indent=2))
