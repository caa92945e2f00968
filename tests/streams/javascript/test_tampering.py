"""What a codec does to its surroundings is gone with the message; what it answers is data or a reason, however odd it is."""

import time

import pytest

from streams.javascript.process import Limits, Worker
from streams.javascript.sandbox import Sandbox
from streams.javascript.told import STUCK, SUSPENDED, Answer, Told
from tests.streams.javascript.running import as_program, call, run

KEEPS = {
    "a global": "n = typeof n === 'undefined' ? 1 : n + 1; return n;",
    "this": "this.n = (this.n || 0) + 1; return this.n;",
    "a hidden global": "var k = (globalThis.n || 0) + 1; Object.defineProperty(globalThis, 'n', { value: k, configurable: true }); return k;",
    "a global for good": "var k = (globalThis.n || 0) + 1; Object.defineProperty(globalThis, 'n', { value: k }); return k;",
    "a global symbol": "var s = Symbol.for('n'); globalThis[s] = (globalThis[s] || 0) + 1; return globalThis[s];",
    "indirect eval": "var k = typeof kept === 'undefined' ? 1 : 2; (0, eval)('let kept = 1; var other = 2'); return k;",
    "a made function": "var k = Function('return typeof kept')() === 'undefined' ? 1 : 2; Function('kept = 1')(); return k;",
    "parseInt": "var k = parseInt('1'); parseInt = function () { return 2; }; return k;",
    "its own name": "decodeUplink = function () { return { data: { n: 2 } }; }; globalThis.decodeUplink = decodeUplink; return 1;",
    "Math": "var k = Math.max(1); Math = { max: function () { return 2; } }; return k;",
    "no Math": "var k = typeof Math === 'object' ? 1 : 2; delete globalThis.Math; return k;",
    "no map": "var k = typeof [].map === 'function' ? 1 : 2; delete Array.prototype.map; return k;",
    "a frozen world": "var k; try { free = 1; k = free; } catch (e) { k = 2; } Object.freeze(globalThis); return k;",
    "frozen arrays": "var k = Object.isFrozen(Array.prototype) ? 2 : 1; Object.freeze(Array.prototype); return k;",
    "no world": "var k = typeof Math === 'object' ? 1 : 2; Object.setPrototypeOf(globalThis, null); return k;",
    "another parent": "var k = [].other || 1; Object.setPrototypeOf(Array.prototype, { other: 2 }); return k;",
    "Map": "Map.prototype.n = (Map.prototype.n || 0) + 1; return Map.prototype.n;",
    "Symbol": "Symbol.n = (Symbol.n || 0) + 1; return Symbol.n;",
    "Error": "Error.prototype.n = (Error.prototype.n || 0) + 1; return new Error().n;",
    "Reflect": "Reflect.n = (Reflect.n || 0) + 1; return Reflect.n;",
    "Promise": "Promise.n = (Promise.n || 0) + 1; return Promise.n;",
    "typed arrays": "var p = Object.getPrototypeOf(Uint8Array.prototype); p.n = (p.n || 0) + 1; return p.n;",
    "the payload's parent": "input.bytes.__proto__.n = (input.bytes.__proto__.n || 0) + 1; return input.bytes.n;",
    "console": "console.n = (console.n || 0) + 1; return console.n;",
    "a weak reference": "var k = globalThis.kept ? 2 : 1; kept = new WeakRef({}); return k;",
    "a finalizer": "var k = typeof kept === 'undefined' ? 1 : 2; new FinalizationRegistry(function () { kept = 1; }).register({}, 1); return k;",
    "a promise": "var k = typeof kept === 'undefined' ? 1 : 2; Promise.resolve().then(function () { kept = 1; }); return k;",
    "an async function": "var k = typeof kept === 'undefined' ? 1 : 2; (async function () { await 1; kept = 1; })(); return k;",
    "a regular expression": "var k = (function () { return /a/g; })(); k.n = (k.n || 0) + 1; return k.n;",
    "a template": "function tag(s) { return s; } var t = tag`x`; try { t.n = (t.n || 0) + 1; } catch (e) { } return t.n || 1;",
}

ODD: dict[str, tuple[str, Answer]] = {
    "async": ("async function decodeUplink() { return { data: { n: 1 } }; }", ("no-data", "data is missing")),
    "a generator": ("function* decodeUplink() { yield { data: { n: 1 } }; }", ("no-data", "data is missing")),
    "a getter": ("function decodeUplink() { return { get data() { return { n: 1 }; } }; }", Told({"n": 1})),
    "a getter that throws": (
        "function decodeUplink() { return { get data() { throw new Error('no'); } }; }", ("codec-threw", "Error: no"),
    ),
    "a proxy": ("function decodeUplink() { return new Proxy({ data: { n: 1 } }, {}); }", Told({"n": 1})),
    "a changing getter": ("function decodeUplink() { var n = 0; return { get data() { return n++ ? 5 : { n: 1 }; } }; }",
                          ("no-data", "data is no object")),
    "toJSON": ("function decodeUplink() { return { data: { n: { toJSON: function () { return 7; } } } }; }", Told({"n": 7})),
    "__proto__": ("function decodeUplink() { return { data: JSON.parse('{\"__proto__\": 1, \"constructor\": 2}') }; }",
                  Told({"__proto__": 1, "constructor": 2})),
    "a sparse array": ("function decodeUplink() { var a = []; a[2] = 1; return { data: { n: a } }; }", Told({"n": [None, None, 1]})),
    "surrogates": ("function decodeUplink() { return { data: { '\\ud800': '\\udc00x\\ud800' } }; }", Told({"?": "?x?"})),
    "no moment": ("function decodeUplink() { return { data: { at: new Date(NaN) } }; }", Told({"at": None})),
    "an error that cannot be told": (
        "function decodeUplink() { throw { message: { toString: function () { return this + ''; } } }; }",
        ("codec-threw", "something that cannot be told"),
    ),
    "a long error": ("function decodeUplink() { throw 'x'.repeat(1e5); }", ("codec-threw", "x" * 300)),
    "errors that do not end": (
        "function decodeUplink() { return { data: {}, errors: { get length() { while (true) ; } } }; }",
        ("codec-timeout", "more than 100 ms"),
    ),
    "an error's name that does not end": (
        "function decodeUplink() { throw Object.defineProperty(new Error('x'), 'name', { get() { while (true) ; } }); }",
        ("codec-timeout", "more than 100 ms"),
    ),
    "a top level that throws": ("throw new Error('top'); function decodeUplink() { }", ("codec-threw", "Error: top")),
    "a top level without end": ("while (true) ; function decodeUplink() { }", ("codec-timeout", "more than 100 ms")),
    "a module": ("export function decodeUplink() { }", ("codec-broken", "SyntaxError: unsupported keyword: export")),
    "half a comment": ("function decodeUplink() { } /* open", ("codec-broken", "SyntaxError: unexpected end of comment")),
    "a NUL": ("function decodeUplink() { }\0", ("codec-broken", "embedded null character")),
    "strict": ("'use strict'; var k = this === globalThis; function decodeUplink() { return { data: { k: k } }; }", Told({"k": True})),
}  # fmt: skip


@pytest.mark.parametrize("keeps", KEEPS.values(), ids=KEEPS.keys())
def test_keeps_nothing_in_its_surroundings(sandbox: Sandbox, keeps: str) -> None:
    code = (
        "function decodeUplink(input) { return { data: { n: work.call(globalThis, input) } }; } function work(input) {"
        + keeps
        + "}"
    )

    assert run(sandbox, code, "01", "02", "03") == [Told({"n": 1})] * 3


@pytest.mark.parametrize(("code", "expected"), ODD.values(), ids=ODD.keys())
def test_answers_what_is_odd_with_data_or_a_reason(sandbox: Sandbox, code: str, expected: Answer) -> None:
    assert run(sandbox, code, "01", "02") == [expected] * 2


NATIVE = "function decodeUplink(i) { if (i.bytes[0] === 255) [].join.call({ length: 4294967295 }); return { data: { n: i.bytes[0] } }; }"
"""a loop of the engine's own, which looks at no limit"""


def test_a_native_loop_costs_its_neighbours_a_moment() -> None:
    sandbox = Sandbox(Limits())
    good, bad = call("01"), call("ff", device="ttn:bad")
    try:
        sandbox.run(as_program(NATIVE), [good])
        began = time.process_time()
        answers = sandbox.run(as_program(NATIVE), [good, bad, good, bad, good])
        assert time.process_time() - began < 2
    finally:
        sandbox.close()

    assert answers == [Told({"n": 1}), STUCK, Told({"n": 1}), SUSPENDED, Told({"n": 1})]


def test_a_codec_that_ends_its_process_for_every_device_is_suspended() -> None:
    sandbox = Sandbox(Limits(ms=10))
    try:
        answers = sandbox.run(as_program(NATIVE), [call("ff", device=f"ttn:{number}") for number in range(5)])
    finally:
        sandbox.close()

    assert answers == [STUCK] * 3 + [SUSPENDED] * 2


def test_a_call_that_is_alone_is_not_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Worker] = []

    def start(limits: Limits) -> Worker:
        started.append(Worker(limits))
        return started[-1]

    monkeypatch.setattr("streams.javascript.sandbox.Worker", start)
    sandbox = Sandbox(Limits(ms=10))
    try:
        assert sandbox.run(as_program(NATIVE), [call("ff", device="ttn:bad")]) == [STUCK]
        assert sandbox.run(as_program(NATIVE), [call("01")]) == [Told({"n": 1})]
    finally:
        sandbox.close()

    assert len(started) == 2
