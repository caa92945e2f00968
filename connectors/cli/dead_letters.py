"""`isthmus dead-letters …`: what could not go on, and trying it again."""

import typer

group = typer.Typer(no_args_is_help=True, help="Records that could not go on: found, looked at, tried again.")


def register(app: typer.Typer) -> None:
    """Add `dead-letters` to the command line."""
    app.add_typer(group, name="dead-letters")
