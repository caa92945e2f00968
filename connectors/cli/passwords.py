"""Where commands get a password from: a file, standard input, a question, or, visible to others, the command line."""

import sys
from typing import Annotated

import typer

from connectors.cli.output import read_text
from connectors.cli.registry_client import fail

Visible = Annotated[
    str | None,
    typer.Option(
        "--password",
        "-p",
        metavar="TEXT",
        help="the password; others on this machine can see it, and shells keep it: standard input is better",
    ),
]
InFile = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="read the password from there; - is standard input"),
]


def read(given: str | None, file: str | None, *, twice: bool) -> str:
    """The password: as given, the file's first line, that of standard input when it is no terminal, else asked for.

    ``twice``: a new one, which is asked for two times.
    """
    if given is not None and file is not None:
        raise typer.BadParameter("give --password or --password-file, not both")
    if given is None and (file is not None or not sys.stdin.isatty()):
        given = read_text(file or "-").partition("\n")[0].rstrip("\r")
        if not given:
            fail("there is no password in what was read; give one on standard input, or --password-file FILE")
    if given is None:
        given = str(typer.prompt("password", hide_input=True, confirmation_prompt=twice, err=True))
    return given
