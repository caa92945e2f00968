"""`isthmus`: one command for people and processes alike. Each group of commands has a file of its own."""

import sys
from importlib import import_module

import typer

from streams.settings import SettingsError

GROUPS = ("stack", "run", "topics", "migrate", "generations", "users", "simulate", "demo", "verify", "settings_cli")
app = typer.Typer(
    name="isthmus",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Carry measurements from devices to the people who use them: MQTT and webhooks to Kafka, ClickHouse, files, Ubidots.",
)
for _group in GROUPS:
    import_module(f"connectors.cli.{_group}").register(app)


def main() -> None:
    """Entry point: settings faults are one message and exit status 2, never a traceback."""
    try:
        app()
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
