"""Whatever a codec does, it is answered for, and its neighbours are read."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from streams.javascript.process import Limits, Worker
from streams.javascript.sandbox import Mode, Sandbox, packed
from streams.javascript.told import Told
from tests.streams.javascript.running import as_program, call, run, source

TIMEOUT = ("codec-timeout", "more than 100 ms")
MEMORY = ("codec-memory", "more memory than a codec may have")
# Where there is no memory for the error itself, the engine throws null: codec-threw.
ENDS_AS = [
    ("memory bomb", {"codec-memory", "codec-timeout", "codec-threw"}),
    ("huge text", {"codec-memory", "codec-timeout", "codec-threw"}),
    ("typed arrays", {"codec-memory", "codec-timeout", "codec-threw"}),
    ("regular expression", {"codec-timeout"}),
    ("promises", {"codec-timeout", "codec-memory", "codec-threw"}),
    ("proxy", {"codec-timeout"}),
    ("toJSON", {"codec-timeout"}),
    ("sort", {"codec-timeout"}),
    ("deep object", {"codec-threw", "codec-memory", "codec-timeout"}),
    ("deep JSON", {"codec-threw", "codec-timeout", "codec-memory"}),
    ("Atomics.wait", {"codec-threw", "codec-timeout"}),
    ("eval", {"codec-memory", "codec-timeout", "codec-threw"}),
    ("recursion", {"codec-threw"}),
    ("finally", {"codec-timeout"}),
    ("cycle", {"codec-threw"}),
    ("thrown trap", {"codec-timeout"}),
    ("thrown null", {"codec-threw"}),
    ("large result", {"codec-result-too-large"}),
    ("BigInt", {"codec-threw", "codec-timeout", "codec-memory", "codec-result-too-large"}),
    ("generator", {"codec-memory", "codec-timeout", "codec-threw"}),
    ("toJSON of every object", {"no-data"}),
    ("language changed", {""}),
]


@pytest.mark.parametrize("trick", range(len(ENDS_AS)), ids=[name for name, _ in ENDS_AS])
def test_is_contained(sandbox: Sandbox, trick: int) -> None:
    pids = sandbox.pids
    first, bad, last = run(sandbox, source("hostile"), "ee01", f"{trick:02x}", "ee02")

    reason = bad[0] if isinstance(bad, tuple) else ""
    assert reason in ENDS_AS[trick][1], bad
    assert (first, last) == (Told({"good": 1}), Told({"good": 2}))
    assert not pids or sandbox.pids == pids  # the worker lives


@pytest.mark.parametrize("depth", [100, 990, 1500, 2000, 4000])
def test_a_result_that_nests_too_deeply_spares_its_neighbours(sandbox: Sandbox, depth: int) -> None:
    """The payload says how deep, so that one device could have cost all others theirs."""
    code = "function decodeUplink(input) { return { data: JSON.parse(String.fromCharCode.apply(null, input.bytes)) }; }"
    told = ['{"a": "],[\\\\\\""}', '{"a": ' + "[" * depth + "]" * depth + "}", '{"a": 2}']
    first, deep, last = run(sandbox, code, *(text.encode().hex() for text in told))

    assert (first, last) == (Told({"a": '],[\\"'}), Told({"a": 2}))
    assert (
        isinstance(deep, Told)
        if depth == 100
        else deep == ("codec-threw", "RangeError: the result is nested too deeply")
    )


def test_there_is_one_trick_per_name() -> None:
    assert source("hostile").count("\n  function () {") == len(ENDS_AS)


@pytest.mark.parametrize("mode", ["wrapped", "plain"])
def test_a_codec_that_changes_the_language_gets_a_fresh_one_for_each_message(sandbox: Sandbox, mode: Mode) -> None:
    code = """
    function decodeUplink(input) {
      Math.kept = (Math.kept || 0) + 1;
      Object.prototype["own" + input.bytes[0]] = 1;
      var names = 0;
      for (var name in {}) names += 1;
      return { data: { kept: Math.kept, names: names } };
    }"""

    assert run(sandbox, code, "01", "02", "03", mode=mode) == [Told({"kept": 1, "names": 1})] * 3


def test_finds_no_way_out(sandbox: Sandbox) -> None:
    one, other = run(sandbox, source("burglar"), "01", "02")

    assert one == other
    assert isinstance(one, Told)
    assert isinstance(one.data, dict)
    assert (one.data["found"], one.data["refused"], one.data["imported"]) == ("", 5, "pending")
    assert one.data["now"] == 1_735_689_600_000


def test_a_worker_has_nothing_that_a_codec_could_take(sandbox: Sandbox) -> None:
    run(sandbox, source("soil"), "8c")
    worker = psutil.Process(sandbox.pids[0])

    assert worker.environ() == {"TZ": "UTC"}
    assert worker.cwd() == "/"
    assert worker.num_threads() == 1
    assert worker.net_connections() == []
    assert worker.rlimit(psutil.RLIMIT_NOFILE) == (0, 0)
    assert worker.rlimit(psutil.RLIMIT_AS) == ((2 * 256 + 32) << 20,) * 2


def test_memory_that_a_codec_cannot_have_is_its_own_loss(sandbox: Sandbox) -> None:
    bomb = "function decodeUplink(i) { if (i.bytes[0]) new Uint8Array(1e9); return { data: { a: 1 } }; }"

    assert run(sandbox, bomb, "00", "01", "00", "01", "00") == [Told({"a": 1}), MEMORY] * 2 + [Told({"a": 1})]


def test_a_long_payload_is_not_read(sandbox: Sandbox) -> None:
    longest, longer = run(sandbox, "function Decoder(b) { return { n: b.length }; }", "00" * 8192, "00" * 8193)

    assert longest == Told({"n": 8192})
    assert longer == ("payload-too-long", "more than 8192 bytes")


def test_every_text_and_number_of_javascript_comes_over(sandbox: Sandbox) -> None:
    code = r"""
    function decodeUplink() {
      return { data: { lone: "\ud800", pair: "\ud83d\ude00", nul: "\u0000", big: 2 ** 60, max: 1.7e308, serial: "12345678901234567",
        tiny: 5e-324, minus: -0, whole: 3.0, id: 9007199254740993n, small: 7n, "__proto__x": 1, "": 2 } };
    }"""
    (told,) = run(sandbox, code, "")

    assert isinstance(told, Told)
    assert told.data == {
        "lone": "?", "pair": "😀", "nul": "\0", "big": 1.152921504606847e18, "max": 1.7e308, "serial": "12345678901234567",
        "tiny": 5e-324, "minus": 0, "whole": 3, "id": "9007199254740993", "small": 7, "__proto__x": 1, "": 2,
    }  # fmt: skip
    assert isinstance(told.data["big"], float)


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost() -> None:
    sandbox = Sandbox(Limits())
    calls = [call(f"8c01{number:04x}") for number in range(250)]
    try:
        before = sandbox.run(as_program(source("soil")), calls)
        os.kill(sandbox.pids[0], signal.SIGKILL)
        began = time.monotonic()

        assert sandbox.run(as_program(source("soil")), calls) == before
        assert all(isinstance(answer, Told) for answer in before)
        assert time.monotonic() - began < 20
    finally:
        sandbox.close()


def test_a_worker_that_stands_still_is_killed_by_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.javascript.process.SILENCE_S", 2.0)
    sandbox = Sandbox(Limits(ms=10))
    try:
        before = run(sandbox, source("soil"), "8c")
        os.kill(sandbox.pids[0], signal.SIGSTOP)

        assert run(sandbox, source("soil"), "8c") == before
    finally:
        sandbox.close()


def test_several_workers_answer_in_order() -> None:
    sandbox = Sandbox(Limits(), workers=2)
    calls = [call(f"{number // 256:02x}{number % 256:02x}") for number in range(450)]
    code = "function Decoder(b) { return { n: b[0] * 256 + b[1] }; }"
    try:
        assert sandbox.run(as_program(code), calls) == [Told({"n": number}) for number in range(450)]
        assert len(sandbox.pids) == 2
    finally:
        sandbox.close()


def test_the_worker_ends_with_its_parent() -> None:
    program = (
        "from streams.javascript.process import Limits, Worker\n"
        "print(Worker(Limits()).pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()

    psutil.wait_procs([worker], timeout=10)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_codecs_that_are_not_used_make_room() -> None:
    worker = Worker(Limits(kept=2))
    header = {"mode": "wrapped", "lenient": False, "count": 1, "single": False, "patience": 10}
    try:
        told = []
        for key, code in [("a", True), ("b", True), ("a", False), ("c", True), ("a", False), ("b", False)]:
            extra = {"code": "function Decoder() { return {}; }"} if code else {}
            told.append(next(worker.ask(header | {"key": key} | extra, packed([call("01")])))[0])
    finally:
        worker.close()

    assert told == [{"count": 1}] * 5 + [{"need": True}]
