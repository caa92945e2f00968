"""What devices say of themselves is printed as they said it: rich's markup and its emoji codes are no news of theirs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import cli
from connectors.cli import dead_letters_view
from streams.core.records import DeadLetter

CONNECTORS = Path(cli.__file__).parents[1]


def _consoles() -> Iterator[tuple[str, list[str | None]]]:
    for path in CONNECTORS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Console":
                told = [k.arg for k in node.keywords if isinstance(k.value, ast.Constant) and k.value.value is False]
                yield f"{path.name}:{node.lineno}", told


def test_no_console_makes_emoji_of_what_it_prints() -> None:
    consoles = dict(_consoles())
    assert len(consoles) > 10
    assert [place for place, told in consoles.items() if "emoji" not in told] == []


@pytest.mark.parametrize("foreign", ["a:sos:b", "[red]x[/red]", "[/b]"])
def test_a_dead_letter_is_listed_as_its_device_wrote_it(
    foreign: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    letter = DeadLetter(
        stage="codec", reason=foreign, detail=foreign, raw_partition=0, raw_offset=1, device=foreign, at=9
    )
    dead_letters_view.letters([letter], as_json=False)
    assert capsys.readouterr().out.count(foreign) == 3
    dead_letters_view.counts([("codec", foreign, 1, 9)], as_json=False)
    assert foreign in capsys.readouterr().out
