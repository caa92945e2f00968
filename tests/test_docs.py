"""Every sentence we publish is executed somewhere: make targets, commands, settings, topics."""

import re
import tomllib
from pathlib import Path

import typer

from connectors.cli.main import build
from connectors.cli.settings_cli import example_file
from streams.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = README + (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_the_example_settings_are_those_of_the_code() -> None:
    """Repair: .venv/bin/isthmus settings --example > deploy/isthmus.example.toml."""
    assert (ROOT / "deploy/isthmus.example.toml").read_text("utf-8").strip() == example_file().strip()


def test_the_example_is_toml_and_its_values_are_accepted() -> None:
    uncommented = re.sub(r"^# (\w+ = )", r"\1", example_file(), flags=re.MULTILINE)
    uncommented = re.sub(r'^\w+ = ""\n', "", uncommented, flags=re.MULTILINE)

    assert Settings(**tomllib.loads(uncommented)) == Settings()


def test_every_make_target_in_the_documents_exists_and_the_reverse() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?! sure)", PAGES))

    assert named == targets


def test_every_command_in_the_readme_exists() -> None:
    commands = typer.main.get_command(build())
    known = set(getattr(commands, "commands", {}))

    assert set(re.findall(r"`?isthmus ([a-z][a-z-]*)\b", re.sub(r"\.toml", "", README))) - {"stack"} <= known
