"""`isthmus`: one command for people and processes alike. Each group of commands has a file of its own."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module

import typer

from connectors.cli.target import WHICH, choose
from streams.settings import SettingsError

GROUPS = {
    "stack": "stack",
    "run": "run",
    "topics": "topics",
    "migrate": "migrate",
    "generations": "generations",
    "codecs": "codecs",
    "signed-topics": "signed_topics",
    "rules": "rules",
    "vocabulary": "vocabulary",
    "login": "login",
    "logout": "login",
    "profiles": "login",
    "pd": "pd",
    "ld": "ld",
    "map": "map_cli",
    "wombats": "wombats",
    "export": "export",
    "apply": "export",
    "users": "users",
    "registry": "registry",
    "tokens": "tokens",
    "import": "import_iota",
    "replay": "replay",
    "simulate": "simulate",
    "demo": "demo",
    "decode": "decode",
    "verify": "verify",
    "trace": "trace",
    "dead-letters": "dead_letters",
    "memories": "memories",
    "settings": "settings_cli",
}
"""Command -> module of ``connectors.cli``."""
VALUED = frozenset({"--host", "--profile", "--ca-file"})
"""Options before the command that are followed by a value."""
HELP = "Carry measurements from devices to the people who use them: MQTT and webhooks to Kafka, ClickHouse, files, Ubidots."


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line; only the group that the first argument names is imported, else all.

    A process starts in a third of the time when it does not load every sink's and plot's libraries.
    """
    app = typer.Typer(
        name="isthmus", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown", help=HELP
    )
    app.callback(help=f"{HELP}\n\n{WHICH}")(choose)
    named = [name for name in _command(arguments) if name in GROUPS]
    for module in dict.fromkeys(GROUPS[name] for name in named or GROUPS):
        import_module(f"connectors.cli.{module}").register(app)
    return app


def _command(arguments: Sequence[str]) -> Iterator[str]:
    """The first argument that is no option before the command, nor such an option's value."""
    waiting = iter(arguments)
    for argument in waiting:
        if argument in VALUED:
            next(waiting, None)
        elif not argument.startswith("-"):
            yield argument
            return


def _completing() -> list[str]:
    """The words of a command line that a shell asks to complete; they come in variables, not as arguments."""
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()[1:]


def main() -> None:
    """Entry point: settings faults are one message and exit status 2, never a traceback."""
    try:
        build(sys.argv[1:] or _completing())()
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
