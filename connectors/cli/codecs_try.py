"""`isthmus codecs test`: a codec tried out on this machine, without any server."""

import json
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from connectors.cli import codecs_view as view
from connectors.codecs import files, trial
from connectors.codecs.trial import Trial
from streams import settings
from streams.core.codec import Unable
from streams.javascript.examine import Examined

AsJson = Annotated[bool, typer.Option("--json", help="JSON, and nothing else")]
Language = Annotated[
    str | None, typer.Option(help="**javascript**, **table** or **native**; else told by the file's name")
]
ExamplesFile = Annotated[
    Path | None,
    typer.Option("--examples", help="YAML, JSON or JSON lines as in device repositories; else the file beside the codec"),
]  # fmt: skip
Lenient = Annotated[bool, typer.Option("--lenient", help="take a bare object that it returns as the data")]
UNUSABLE, DIFFERENT = 2, 1


def register(group: typer.Typer) -> None:
    """Add `test` to `isthmus codecs`."""
    group.command("test")(try_out)


def try_out(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the codec; with --language native its name")],
    examples: ExamplesFile = None,
    language: Language = None,
    lenient: Lenient = False,
    as_json: AsJson = False,
) -> None:
    """Run a codec's examples here, offline: nothing is registered, no server is needed.

    `isthmus codecs test decoder.js --examples examples.json`

    Each example says what goes in and what should come out, as in The Things Network's device repository:
    `[{"input": {"bytes": "00e1", "fPort": 2}, "output": {"data": {"temperature": 22.5}}}]`

    Exit status 0: every example came out; 1: some did not, or the codec does not load; 2: a file cannot be used.
    """
    try:
        tried = read(file, examples, language, lenient=lenient)
        examined = examine(tried)
        seconds = None if examined.fault else trial.seconds(tried, examined.mode, settings.load().decode)
    except (ValueError, Unable) as error:
        unusable(str(error))
    if as_json:
        told = {"passed": examined.passed, **msgspec.to_builtins(examined), "seconds_per_message": seconds}
        typer.echo(json.dumps(told, indent=2))
    else:
        view.print_examined(view.console(), str(file), examined, seconds)
    raise typer.Exit(0 if examined.passed else DIFFERENT)


def read(file: Path, examples: Path | None, language: str | None, *, lenient: bool = False) -> Trial:
    """The codec and its examples, as files hold them.

    Raises:
        ValueError: a file cannot be used.
    """
    written = files.language_of(file, language)
    code = "" if written == "native" else files.read_code(file)
    name = file.name if written == "native" else files.name_of(file)
    given = files.examples_of(file, examples)
    return Trial(language=written, name=name, code=code, examples=given, lenient=lenient)


def examine(tried: Trial) -> Examined:
    """What became of the examples, on this machine.

    Raises:
        ValueError, Unable: as ``trial.examine``.
    """
    return trial.examine(tried, settings.load().decode)


def unusable(message: str) -> NoReturn:
    """End with exit status 2."""
    typer.echo(f"isthmus: {message}", err=True)
    raise typer.Exit(UNUSABLE)
