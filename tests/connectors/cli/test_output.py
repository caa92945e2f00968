"""What commands print and read."""

import io
import json
from pathlib import Path

import pytest
import typer

from connectors.cli import output

FOREIGN = "[red]a:sos:b[/red]"


def test_a_table_shows_foreign_text_as_it_is_and_json_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output.print_table(("uid", "name"), [(1, FOREIGN), (2, None)], "no devices")
    output.print_json([{"name": FOREIGN + "ü"}])
    printed = capsys.readouterr().out
    table, _, document = printed.partition("[\n")
    assert [line.split() for line in table.splitlines()] == [["uid", "name"], ["1", FOREIGN], ["2"]]
    assert json.loads("[" + document) == [{"name": FOREIGN + "ü"}]


def test_nothing_to_show_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("uid",), [], "no devices")
    assert capsys.readouterr() == ("", "no devices\n")


def test_json_comes_as_text_from_a_file_or_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "device.json"
    file.write_text('{"a": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 2}'))
    assert [output.read_json('{"a": 0}', None), output.read_json(None, str(file)), output.read_json(None, "-")] == [
        {"a": 0}, {"a": 1}, {"a": 2},
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "file"), [("{", None), (None, "no such file"), (None, "/")])
def test_what_cannot_be_read_is_one_sentence(
    text: str | None, file: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        output.read_json(text, file)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith("isthmus: ")


@pytest.mark.parametrize(("text", "file"), [(None, None), ("{}", "-")])
def test_neither_or_both_is_a_usage_error(text: str | None, file: str | None) -> None:
    with pytest.raises(typer.BadParameter):
        output.read_json(text, file)


def test_without_a_terminal_only_yes_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    output.confirm("remove it?", yes=True)
    with pytest.raises(typer.Exit):
        output.confirm("remove it?", yes=False)
    assert capsys.readouterr() == ("", "isthmus: remove it? Nobody can be asked here: say --yes\n")
