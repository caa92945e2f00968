import time

import pytest

from streams.javascript.examine import examine
from streams.javascript.examples import Example
from streams.javascript.sandbox import Sandbox

GOOD = "function decodeUplink(input) { return { data: { level: input.bytes[0] / 2 } }; }"
KEEPS = "var seen = 0; function decodeUplink() { seen += 1; return { data: { seen: seen } }; }"
KEEPS_IN_MATH = """
function decodeUplink() { Math.seen = (Math.seen || 0) + 1; return { data: { seen: Math.seen } }; }
"""
DEAR = """
var table = []; for (var at = 0; at < 20000; at++) table.push(at * at);
function decodeUplink(input) { return { data: { square: table[input.bytes[0]] } }; }
"""
DEAR_AND_KEEPS = DEAR.replace("return {", "table[0] += 1; return {").replace("input.bytes[0]", "0")
DEAR_AND_KEEPS_WHAT_IS_NOT_TOLD = """
var table = []; for (var at = 0; at < 20000; at++) table.push(at * at);
var told = {};
function decodeUplink(input) {
  if (input.bytes.length > 0) told.first = table[input.bytes[0]];
  if (input.bytes.length > 1) told.second = table[input.bytes[1]];
  return { data: told };
}
"""
FAILS = """
function decodeUplink(input) {
  if (input.fPort !== 1) return { errors: ["unknown port", "please check"] };
  if (!input.bytes.length) throw new TypeError("empty");
  return { data: { a: input.bytes[0] }, warnings: ["low battery"] };
}
"""


def example(payload: str, port: int = 1, **output: object) -> Example:
    return Example(payload=bytes.fromhex(payload), port=port, **output)  # type: ignore[arg-type]


def test_runs_every_example(sandbox: Sandbox) -> None:
    examined = examine(
        GOOD, [example("04", data={"level": 2.0000000001}), example("05", data={"level": 3})], sandbox=sandbox
    )

    assert [one.passed for one in examined.checked] == [True, False]
    assert examined.checked[1].got == {"data": {"level": 2.5}}
    assert examined.checked[1].differences == ["data.level: expected 3, got 2.5"]
    assert (examined.mode, examined.fault, examined.passed) == ("wrapped", "", False)


def test_compares_errors_and_warnings(sandbox: Sandbox) -> None:
    examined = examine(
        FAILS,
        [
            example("01", 2, errors=["unknown port", "please check"]),
            example("01", data={"a": 1}, warnings=["low battery"]),
            example("01", data={"a": 1}),
            example("", data={"a": 1}),
        ],
        sandbox=sandbox,
    )

    assert [one.passed for one in examined.checked] == [True, True, False, False]
    assert examined.checked[3].got == {"error": "codec-threw", "detail": "TypeError: empty"}


def test_wraps_a_codec_that_keeps_something_in_its_own_variables(sandbox: Sandbox) -> None:
    examined = examine(KEEPS, [example("01", data={"seen": 1})] * 3, sandbox=sandbox)

    assert (examined.mode, examined.passed) == ("wrapped", True)


def test_keeps_a_codec_whose_re_initialisation_is_dear_and_needless(sandbox: Sandbox) -> None:
    examined = examine(DEAR, [example("03", data={"square": 9}), example("04", data={"square": 16})], sandbox=sandbox)

    assert (examined.mode, examined.passed) == ("plain", True)


def test_wraps_a_codec_whose_re_initialisation_is_dear_and_needed(sandbox: Sandbox) -> None:
    assert examine(DEAR_AND_KEEPS, [example("00")] * 2, sandbox=sandbox).mode == "wrapped"


def test_one_example_that_repeats_itself_is_no_proof_that_a_codec_keeps_nothing(sandbox: Sandbox) -> None:
    examined = examine(
        DEAR_AND_KEEPS_WHAT_IS_NOT_TOLD, [example("0304", data={"first": 9, "second": 16})], sandbox=sandbox
    )

    assert (examined.mode, examined.passed) == ("wrapped", True)


def test_without_examples_nothing_proves_that_a_codec_keeps_nothing(sandbox: Sandbox) -> None:
    assert examine(DEAR, sandbox=sandbox).mode == "wrapped"


def test_says_in_one_sentence_why_a_codec_does_not_load(sandbox: Sandbox) -> None:
    faults = [examine(code, sandbox=sandbox).fault for code in ("function (", "var a = 1;", "while (true);")]

    assert faults == [
        "SyntaxError: function name expected",
        "no function decodeUplink, Decoder or Decode",
        "its top level does not come to an end",
    ]


def test_an_example_of_a_moment_may_write_it_in_another_way(sandbox: Sandbox) -> None:
    code = "function decodeUplink(input) { return { data: { at: input.recvTime } }; }"
    told = example("", data={"at": "2025-01-01T02:00:00.000123+02:00"})

    assert examine(code, [told], sandbox=sandbox).passed


def test_a_trial_ends_though_its_examples_do_not(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.javascript.examine.TRIAL_S", 1.0)
    examples = [Example(payload=b"") for _ in range(200)]
    began = time.monotonic()
    examined = examine("function decodeUplink() { while (true) ; }", examples, sandbox=sandbox)

    assert examined.fault == "trying its 200 example(s) takes more than 1 s"
    assert (examined.passed, examined.checked) == (False, [])
    assert time.monotonic() - began < 15
