"""One codec of ours for each verdict of the public corpus."""

import json

import pytest

from streams.javascript.sandbox import Mode, Sandbox
from streams.javascript.told import Told
from tests.streams.javascript.running import as_program, call, run, source

MODES: tuple[Mode, ...] = ("wrapped", "plain", "fresh")


@pytest.mark.parametrize("mode", MODES)
def test_gives_data_warnings_and_the_normalised_payload(sandbox: Sandbox, mode: Mode) -> None:
    program = as_program(source("soil"), mode)
    calls = [call("8c01fb2e0200c8", 1), call("9601ff9c", 1), call("6f6b", 2), call("00", 3), call("8c09", 1)]

    assert sandbox.run(program, calls, patient=True) == [
        Told(
            {"battery": 2.8, "temperature": -12.34, "moisture": 20},
            warnings=["battery low"],
            normalized={"battery": 2.8, "soil": {"temperature": -12.34, "moisture": 20}},
        ),
        Told({"battery": 3, "temperature": -1}, normalized={"battery": 3, "soil": {"temperature": -1}}),
        Told({"text": "ok"}, normalized={"soil": {}}),
        ("decode-errors", "unknown port 3"),
        Told({"battery": 2.8}, warnings=["battery low"], normalized={"battery": 2.8, "soil": {}}),
    ]


def test_recv_time_is_a_date_and_the_clock_stands_at_it(sandbox: Sandbox) -> None:
    at = 1_689_753_091_598_957_793

    assert sandbox.run(as_program(source("clock")), [call(time=at)]) == [
        Told({"date": "2023-07-19T07:51:31.598Z", "year": 2023, "text": "2023-07-19T07:51:31.598Z"})
    ]


@pytest.mark.parametrize("mode", MODES)
def test_leaves_out_what_is_no_number_and_says_so(sandbox: Sandbox, mode: Mode) -> None:
    assert run(sandbox, source("malformed"), "0102", "01", "", mode=mode) == [
        Told({"level": 258, "list": [1, None], "ok": True}, not_finite=["rate", "list.1"]),
        Told({"list": [1, None], "ok": True}, not_finite=["level", "rate", "list.1"]),
        ("codec-threw", "RangeError: no bytes"),
    ]


def test_works_in_utc(sandbox: Sandbox) -> None:
    (told,) = run(sandbox, source("zone"), "")

    assert isinstance(told, Told)
    assert isinstance(told.data, dict)
    assert (told.data["offset"], told.data["at"]) == (0, 1_717_243_200_000)
    assert told.data["text"].startswith("Sat Jun 01 2024 12:00:00 GMT+0000")


def test_reports_a_file_that_does_not_compile(sandbox: Sandbox) -> None:
    (one, other) = run(sandbox, source("escaped"), "01", "02")

    assert one == other
    assert isinstance(one, tuple)
    assert one[0] == "codec-broken"
    assert one[1].startswith("SyntaxError")


def test_reports_what_it_throws(sandbox: Sandbox) -> None:
    assert run(sandbox, source("throws"), "01") == [
        ("codec-threw", "TypeError: cannot read property 'here' of undefined")
    ]


def test_cuts_an_endless_loop_and_reads_its_neighbours(sandbox: Sandbox) -> None:
    assert run(sandbox, source("loop"), "0101", "0100", "02ff", "00", "01") == [
        Told({"found": 2}),
        ("codec-timeout", "more than 100 ms"),
        Told({"found": 1}),
        ("codec-timeout", "more than 100 ms"),
        Told({"found": 1}),
    ]


def test_promises_nothing_about_locale_text_but_that_there_is_one(sandbox: Sandbox) -> None:
    (told,) = run(sandbox, source("locale"), "")

    assert isinstance(told, Told)
    assert "2025" in json.dumps(told.data)


def test_refuses_bare_and_array_data_unless_lenient(sandbox: Sandbox) -> None:
    assert run(sandbox, source("bare"), "07") == [("no-data", "data is missing")]
    assert run(sandbox, source("array"), "07") == [("no-data", "data is an array")]
    assert run(sandbox, source("bare"), "07", lenient=True) == [Told({"level": 7})]
    assert run(sandbox, source("array"), "07", lenient=True) == [Told([{"variable": "level", "value": 7}])]


@pytest.mark.parametrize("mode", ["wrapped", "fresh"])
def test_keeps_nothing_from_one_message_to_the_next(sandbox: Sandbox, mode: Mode) -> None:
    clean = {"sum": [1, 1, 1, 1, 1, 1, 1]}

    assert run(sandbox, source("state"), "05", "", "06", mode=mode) == [
        Told({"serial": "S5", **clean}),
        Told({"serial": "", **clean}),
        Told({"serial": "S6", **clean}),
    ]


def test_one_codec_sees_nothing_of_another(sandbox: Sandbox) -> None:
    untouched = run(sandbox, source("victim"), "0102")

    assert untouched == [Told({"names": "own,0,1", "leaked": "undefined", "json": '{"a":1}'})]
    assert run(sandbox, source("pollutes"), "07", "08") == [Told({"a": 7}), Told({"a": 8})]
    assert run(sandbox, source("victim"), "0102") == untouched


def test_knows_the_older_conventions(sandbox: Sandbox) -> None:
    code = source("legacy")
    decode_only = code.replace("function Decoder", "function Unused")

    assert sandbox.run(as_program(code), [call("05", 9)]) == [Told({"first": 5, "port": 9, "via": "Decoder"})]
    assert sandbox.run(as_program(decode_only), [call("05", 9)]) == [
        Told({"first": 5, "port": 9, "via": "Decode", "variables": {}})
    ]


@pytest.mark.parametrize("mode", MODES)
def test_finds_functions_that_a_file_exports(sandbox: Sandbox, mode: Mode) -> None:
    assert run(sandbox, source("module"), "0f", "1e", mode=mode) == [Told({"value": 1.5}), Told({"value": 3})]


@pytest.mark.parametrize(
    "code",
    [
        "exports.decodeUplink = function (i) { return { data: { a: 1 } }; };",
        "var driver = { decodeUplink: function (i) { return { data: { a: 1 } }; } };",
        "decodeUplink = (i) => ({ data: { a: 1 } });",
        "const decodeUplink = (i) => ({ data: { a: 1 } }); // the last line is a comment",
        '"use strict"; this.decodeUplink = function (i) { return { data: { a: 1 } }; };',
        "function decodeUplink(i) { undeclared = 1; return { data: { a: undeclared }, errors: null, warnings: '' }; }",
        "function Decoder(b, p) { return { a: 1 }; } function decodeUplink(i) { return { data: Decoder(i.bytes, i.fPort) }; }",
        "class Box { #a = 1; get a() { return this.#a ?? 0; } } function decodeUplink(i) { return { data: { ...new Box(), a: new Box().a } }; }",
        "let exports = {}; const module = 1; function decodeUplink(i) { return { data: { a: 1 } }; }",
    ],
)
def test_takes_what_vendors_write(sandbox: Sandbox, code: str) -> None:
    assert run(sandbox, code, "00", "00") == [Told({"a": 1})] * 2


def test_has_the_buffer_that_vendors_use(sandbox: Sandbox) -> None:
    # Expected values are those of Node 20.
    (told,) = run(sandbox, source("buffered"), "fe3fc00040490fdb")

    assert told == Told(
        {
            "is": True, "hex": "fe3fc00040490fdb", "part": "3fc0", "base64": "/j/AAEBJD9s=",
            "utf8": "c3a9e282acf09f9880", "back": "é€😀", "broken": "a��b",
            "i8": -2, "u8": 254, "u16be": 65087, "i16le": 16382, "u24": 16662464, "i24": -4177922, "u32": 12599294,
            "i32": -29376512, "f": 3.1415927410125732, "d": -4.3373056209783465e130, "big": "-126171157232021541",
            "written": "fffeefbeadde3ff8000000000000", "joined": "fe01", "shared": 7,
            "json": {"type": "Buffer", "data": [7, 63]},
        }
    )  # fmt: skip
