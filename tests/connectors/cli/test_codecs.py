"""`isthmus codecs`: trying codecs offline, and what is said to people; registering itself: tests/stack/test_codecs.py."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.cli import codecs_view as view
from connectors.cli.main import build
from connectors.codecs import files
from streams.javascript.examples import read_examples

HALF = "function decodeUplink(input) { return { data: { t: input.bytes[0] / 2 } }; }"
WARM = {"description": "warm", "input": {"bytes": "2d", "fPort": 1}, "output": {"data": {"t": 22.5}}}
COLD = {"input": {"bytes": [2], "fPort": 1}, "output": {"data": {"t": 2}}}
CODEC: dict[str, Any] = {
    "name": "soil", "hash": "ab" * 32, "language": "javascript", "applies_to": ["application:soil"], "mode": "wrapped",
    "lenient": False, "examples": 2, "failing": 1, "bytes": 76, "changed_at": "2026-11-01T12:00:00Z", "changed_by": "ann",
    "why": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("soil.js").write_text(HALF)
    return tmp_path


def said(*arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    answer = CliRunner().invoke(build(("codecs",)), ["codecs", *arguments])
    return answer.exit_code, answer.stdout, " ".join(answer.stderr.replace("│", " ").split())


def shown(printing: Any, *told: Any) -> str:
    console = view.console()
    console.file, console.width = io.StringIO(), 200
    printing(console, *told)
    return console.file.getvalue()


def test_examples_that_come_out_are_a_success() -> None:
    Path("soil.examples.json").write_text(json.dumps([WARM]))
    status, told, _ = said("test", "soil.js")

    assert status == 0
    assert told.splitlines()[0].split() == ["pass", "1", "warm"]
    assert "\nmode " in told
    assert "µs per message" in told
    assert "all 1 example(s) came out" in told


def test_what_comes_out_otherwise_is_shown_place_by_place() -> None:
    Path("x.json").write_text(json.dumps([WARM, COLD]))
    status, told, _ = said("test", "soil.js", "--examples", "x.json")

    assert status == 1
    assert "data.t: expected 2, got 1" in told
    assert "1 of 2 example(s) came out otherwise" in told


def test_json_is_all_that_is_printed() -> None:
    Path("x.json").write_text(json.dumps([WARM, COLD]))
    status, told, complaint = said("test", "soil.js", "--examples", "x.json", "--json")
    answer = json.loads(told)

    assert (status, complaint, answer["passed"]) == (1, "", False)
    assert answer["mode"] in {"wrapped", "plain"}, "by time that re-initialisation takes on this machine"
    assert [one["passed"] for one in answer["checked"]] == [True, False]
    assert answer["seconds_per_message"] > 0


def test_a_codec_that_does_not_load_is_a_failure() -> None:
    Path("soil.js").write_text("function decodeUplink( {")
    status, told, _ = said("test", "soil.js")

    assert (status, "soil.js cannot be used: " in told) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["test", "nosuch.js"], "isthmus: nosuch.js cannot be read: No such file or directory"),
        (["test", "soil.bin"], "soil.bin: is it javascript or table? Say so with --language"),
        (["test", "soil.js", "--examples", "nosuch.yaml"], "isthmus: nosuch.yaml: "),
        (["add", "nosuch.js"], "isthmus: nosuch.js cannot be read"),
        (["add", "soil.js", "--replay", "--json"], "--replay shows a dry run"),
    ],
)
def test_files_that_cannot_be_used_are_told_in_one_line(arguments: list[str], sentence: str) -> None:
    status, told, complaint = said(*arguments)

    assert (status, told) == (2, "")
    assert sentence in complaint


def test_without_an_api_it_says_what_to_do() -> None:
    status, _, complaint = said("ls")

    assert (status, "no API has run here" in complaint) == (1, True)


@pytest.mark.parametrize("command", ["add", "test"])
def test_help_teaches_by_examples(command: str) -> None:
    status, told, _ = said(command, "--help")

    assert (status, f"isthmus codecs {command} " in told) == (0, True)


def test_what_is_registered_is_shown_with_the_replay_that_it_calls_for() -> None:
    replay = {
        "command": "isthmus replay run --codec soil", "why": "its devices have sent before", "devices": 3,
        "waiting": 1200, "since": "2026-10-01T00:00:00Z",
    }  # fmt: skip
    told = shown(view.print_registered, {"codec": CODEC, "examined": None, "replay": replay})

    assert "soil@abababababab is registered" in told
    assert "it reads application:soil, from the next message on" in told
    assert "1 of 2 example(s) come out otherwise" in told
    assert "3 device(s); 1,200 dead letter(s) since 2026-10-01T00:00:00" in told
    assert told.splitlines()[-1] == "  isthmus replay run --codec soil"


def test_a_list_says_what_each_codec_reads() -> None:
    told = shown(view.print_codecs, [CODEC | {"applies_to": ["device:a:1", "device:a:2", "device:a:3", "device:a:4"]}])

    assert "device:a:1, device:a:2, device:a:3 … 4 in all" in told
    assert "2 (1 fail)" in told
    assert "no codec is registered" in shown(view.print_codecs, [])


def test_examples_stay_the_same_on_their_way_to_the_api() -> None:
    device = {"source_name": "ttn", "source_ids": {"dev_id": "probe"}}
    odd = {
        "input": {"bytes": "", "fPort": 0, "device": device, "variables": {"scale": "2"}},
        "output": {"errors": ["empty"], "warnings": ["w"]},
        "normalizedOutput": {},
    }
    Path("x.json").write_text(json.dumps([WARM, COLD, odd]))
    before = read_examples(Path("x.json"))
    Path("y.json").write_text(json.dumps(files.entries(before)))

    assert read_examples(Path("y.json")) == before


def test_an_example_may_say_whose_message_it_is() -> None:
    Path("x.js").write_text(
        "function decodeUplink(i) { return { data: { who: i.device.source_ids.dev_id + i.variables.n } }; }"
    )
    given = {"bytes": "", "device": {"source_ids": {"dev_id": "probe"}}, "variables": {"n": "7"}}
    Path("x.json").write_text(json.dumps([{"input": given, "output": {"data": {"who": "probe7"}}}]))

    assert said("test", "x.js", "--examples", "x.json")[0] == 0


def test_examples_are_found_beside_a_codec() -> None:
    assert files.examples_beside(Path("soil.js")) is None
    for name in ("examples.json", "soil.examples.yaml", "soil-codec.yaml"):
        Path(name).write_text("[]")
        assert files.examples_beside(Path("soil.js")) == Path(name)
