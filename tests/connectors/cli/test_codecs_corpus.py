import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.cli.main import build
from streams.javascript.corpus import NOT_PROMISED

CODE = b"function decodeUplink(i) { if (!i.bytes.length) throw 1; return { data: { level: i.bytes[0] / 2 } }; }"


def case(number: int, verdict: str, payload: str, expected: dict[str, Any], decoder: str = "d1") -> dict[str, Any]:
    return {
        "kind": "case", "id": f"{decoder}:{number}", "decoder": decoder, "api": "ttn-v3", "verdict": verdict,
        "input": {"fPort": 1, "bytes": payload}, "expected": expected,
    }  # fmt: skip


def run(folder: Path, cases: list[dict[str, Any]], *options: str) -> tuple[int, dict[str, Any]]:
    decoders = folder / "somewhere" / "below"
    decoders.mkdir(parents=True)
    (decoders / "any-name.txt").write_bytes(CODE)
    known = [
        {"kind": "decoder", "key": "d1", "sha256": sha256(CODE).hexdigest()},
        {"kind": "decoder", "key": "d2", "sha256": "0" * 64},
    ]
    corpus = folder / "cases.jsonl"
    corpus.write_text("\n".join(json.dumps(line) for line in [{"kind": "header"}, *known, *cases]), "utf-8")
    arguments = [
        "codecs",
        "corpus",
        "--cases",
        str(corpus),
        "--decoders",
        str(folder / "somewhere"),
        "--json",
        *options,
    ]
    result = CliRunner().invoke(build(arguments), arguments)
    return result.exit_code, json.loads(result.stdout)


def test_runs_the_cases_whose_decoders_are_there(tmp_path: Path) -> None:
    code, told = run(
        tmp_path,
        [
            case(1, "ok", "04", {"data": {"level": 2}}),
            case(2, "throws", "", {"error": "throws"}),
            case(1, "ok", "04", {"data": {}}, "d2"),
        ],
    )

    assert code == 0
    assert told == {
        "decoders": 2,
        "found": 1,
        "kept": True,
        "verdicts": {
            "ok": {"passed": 1, "failed": 0, "missing": 1},
            "throws": {"passed": 1, "failed": 0, "missing": 0},
        },
    }


def test_ends_with_status_1_when_less_comes_out_than_is_promised(tmp_path: Path) -> None:
    code, told = run(tmp_path, [case(1, "ok", "04", {"data": {"level": 3}})], "--verbose")

    assert (code, told["kept"]) == (1, False)
    assert told["verdicts"]["ok"]["failures"][0]["differences"] == ["data.level: expected 3, got 2"]


def test_ends_with_status_1_when_nothing_could_be_run(tmp_path: Path) -> None:
    code, _ = run(tmp_path, [case(1, "ok", "04", {"data": {}}, "d2")])

    assert code == 1


@pytest.mark.parametrize("verdict", NOT_PROMISED)
def test_what_is_not_promised_fails_nothing(tmp_path: Path, verdict: str) -> None:
    wrong = case(1, verdict, "04", {"data": {"level": 3}}) | {"node20": {"data": {"level": 3}}}
    code, told = run(tmp_path, [wrong])

    assert (code, told["verdicts"][verdict]["failed"]) == (0, 1)
