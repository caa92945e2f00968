"""What shells are told when somebody presses the tabulator."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"_ISTHMUS_COMPLETE": "complete_bash", "COMP_WORDS": "isthmus\n--host\nx\nusers\nto", "COMP_CWORD": "4"},
            "token",
        ),
        ({"_ISTHMUS_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "isthmus users role bob a"}, "admin"),
    ],
)
def test_commands_options_and_choices_are_completed(variables: dict[str, str], told: str) -> None:
    command = [sys.executable, "-c", "import sys; sys.argv = ['isthmus']; from connectors.cli.main import main; main()"]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False)
    assert told in done.stdout
