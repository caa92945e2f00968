"""What devices say of themselves is printed as they said it: rich's markup and its emoji codes are no news of theirs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import cli
from connectors.cli import dead_letters_view
from streams.core.records import DeadLetter

CONNECTORS = Path(cli.__file__).parents[1]


def _made(kind: str) -> Iterator[tuple[str, list[str | None]]]:
    """Where one is made, and what is switched off there."""
    for path in CONNECTORS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == kind:
                told = [k.arg for k in node.keywords if isinstance(k.value, ast.Constant) and k.value.value is False]
                yield f"{path.name}:{node.lineno}", told


@pytest.mark.parametrize(("kind", "off", "least"), [("Console", "emoji", 10), ("TextColumn", "markup", 5)])
def test_neither_a_console_nor_a_progress_bar_reads_more_into_what_it_prints(kind: str, off: str, least: int) -> None:
    made = dict(_made(kind))
    assert len(made) > least
    assert [place for place, told in made.items() if off not in told] == []


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
