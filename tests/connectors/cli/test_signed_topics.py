"""What `isthmus signed-topics` sends, and what it says of files that it cannot read."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.cli import registry_client
from connectors.cli.main import build
from connectors.cli.signed_topic_files import KEY_VARIABLE
from streams import settings

FILE = 'topic = "sensors/tank-1"\ndataset = "tanks"\nraw_retention_s = 60\nfields = { level = { type = "float" } }\n'


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """Calls of the API; settings are read with each, as the real one does."""
    calls: list[tuple[str, str, Any]] = []

    def call(method: str, path: str, **arguments: Any) -> Any:
        settings.load()
        calls.append((method, path, arguments.get("json")))
        return arguments["json"] | {"keys": []}

    monkeypatch.setattr(registry_client, "call", call)
    return calls


def test_a_key_may_come_from_a_variable_and_is_in_no_output(
    sent: list[tuple[str, str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "tank.toml"
    file.write_text(FILE)
    monkeypatch.setenv(KEY_VARIABLE, "unit-test-key")

    result = CliRunner().invoke(build(["signed-topics"]), ["signed-topics", "add", str(file), "--key", "--json"])

    assert result.exit_code == 0, result.output
    assert [(method, path) for method, path, _ in sent] == [("POST", "/signed-topics")]
    assert [key["key"] for key in sent[0][2]["keys"]] == ["unit-test-key"]
    assert "unit-test-key" not in result.output


def test_a_key_may_come_from_standard_input(sent: list[tuple[str, str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "tank.toml"
    file.write_text(FILE)

    result = CliRunner().invoke(
        build(["signed-topics"]), ["signed-topics", "add", str(file), "--key"], input="unit-test-key\n"
    )

    assert result.exit_code == 0, result.output
    assert [key["key"] for key in sent[0][2]["keys"]] == ["unit-test-key"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("tank.txt", FILE, "the name must end in"),
        ("tank.toml", "topic = ", "tank.toml"),
        ("tank.json", "[1]", "tank.json"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    sent: list[tuple[str, str, Any]], tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    file = tmp_path / name
    file.write_text(content)

    result = CliRunner().invoke(build(["signed-topics"]), ["signed-topics", "add", str(file)])

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert sent == []
