"""`isthmus rules try` and `isthmus vocabulary`: what they print, without a stack."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.cli.main import build

RULES = """
[[rule]]
from = "temp_f"
to = "air.temperature"
unit_from = "°F"

[[rule]]
from = "junk"
drop = true
"""


def asked(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(build(arguments), list(arguments))
    return answer.exit_code, answer.output


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("temp_f", "50", {"name": "air.temperature", "value": 10.0, "unit": "°C", "quality": []}),
        ("temp_f", "300", {"name": "air.temperature", "value": 148.8889, "unit": "°C", "quality": ["implausible"]}),
        ("temp_f", "cold", {"name": "air.temperature", "value": "cold", "unit": "°C", "quality": []}),
        ("other", "7", {"name": "other", "value": 7.0, "unit": "", "quality": []}),
    ],
)
def test_tries_a_file_of_rules(tmp_path: Path, name: str, value: str, shown: dict[str, object]) -> None:
    (tmp_path / "r.toml").write_text(RULES, "utf-8")
    status, text = asked("rules", "try", str(tmp_path / "r.toml"), "--from", name, "--value", value, "--json")
    (made,) = json.loads(text)["measurements"]

    assert status == 0
    assert (made if isinstance(made["value"], str) else made | {"value": round(made["value"], 4)}) == shown


def test_says_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(RULES, "utf-8")

    assert asked("rules", "try", str(tmp_path / "r.toml"), "--from", "junk", "--value", "1") == (
        0,
        "left out: dropped-by-rule\n",
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "p", "--to", "air.temperature", "--unit-from", "hPa"), "measure different things"),
        (("--from", "p", "--unit-from", "hPa"), "becomes what?"),
        (("--from", "p", "--to", "air.pressure", "--unit-from", "kPa", "--scale", "2"), "do not give them too"),
        ((), "give --from, or --file"),
    ],
)
def test_refuses_before_anything_is_asked(arguments: tuple[str, ...], why: str) -> None:
    status, text = asked("rules", "add", *arguments)

    assert status == 1
    assert why in text


def test_shows_the_vocabulary() -> None:
    _, text = asked("vocabulary", "--json")
    known = {standard["name"]: standard for standard in json.loads(text)["measurements"]}

    assert (known["air.temperature"]["unit"], known["wind.direction"]["below"]) == ("°C", 360.0)
    assert "open or closed" in asked("vocabulary")[1]
