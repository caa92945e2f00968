"""JavaScript codecs: messages a second through the sandbox, memory of many codecs, and what hostile ones cost.

The codec is one of ours, as long as a typical vendor's (`multi_sensor.js`). `python -m benchmarks.javascript` measures only
this; no server is needed.
"""

import os
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import psutil

from benchmarks.result import Result, show
from streams.core.codec import Call
from streams.core.codec_record import Codec
from streams.core.message import Sender
from streams.javascript.codec import JavaScript, program
from streams.javascript.process import Limits
from streams.javascript.sandbox import Program, Sandbox
from streams.javascript.told import Told

CODE = (Path(__file__).parent / "multi_sensor.js").read_text("utf-8")
LOOP = "function decodeUplink(i) { while (i.bytes[0] === 255) ; return { data: { a: i.bytes[0] } }; }"
BOMB = "function decodeUplink(i) { var all = []; while (i.bytes[0] === 255) all.push(new Array(9999).fill(1)); return { data: { a: 1 } }; }"
MESSAGES, BATCH, ROUNDS, CODECS = 5_000, 100, 5, 500
SENDER = Sender(device="ttn:a", source_ids={})


def results() -> list[Result]:
    """The figures."""
    return [_rate(), _memory(), *_hostile()]


def _rate() -> Result:
    """By the CPU that worker and parent take: the machine has other work, and one worker keeps one core busy."""
    sandbox = Sandbox(Limits())
    record = Codec(name="multi", hash=sha256(CODE.encode()).hexdigest(), language="javascript", code=CODE)
    codec = JavaScript(record, sandbox)
    batches = [[_call(n) for n in range(start, start + BATCH)] for start in range(0, MESSAGES, BATCH)]
    try:
        _run(codec, batches)
        figures = [_measure(sandbox, codec, batches) for _ in range(ROUNDS)]
    finally:
        sandbox.close()
    wall, worker, parent = (min(column) / MESSAGES * 1e6 for column in zip(*figures, strict=True))
    return Result(
        name="javascript_per_core", value=1e6 / (worker + parent), unit="messages/s", target=20_000, at_least=True,
        detail=f"codec of {len(CODE.encode()) / 1000:.1f} kB, batches of {BATCH}, re-initialised; CPU µs per message: "
        f"worker {worker:.1f}, parent {parent:.1f}; wall clock {wall:.1f} µs = {1e6 / wall:,.0f}/s from one worker",
    )  # fmt: skip


def _measure(sandbox: Sandbox, codec: JavaScript, batches: Sequence[Sequence[Call]]) -> tuple[float, float, float]:
    process = psutil.Process(sandbox.pids[0])
    worker, parent, wall = sum(process.cpu_times()[:2]), time.process_time(), time.perf_counter()
    for _ in range(4):  # the kernel counts a process's CPU in hundredths of a second
        _run(codec, batches)
    spent = time.perf_counter() - wall, sum(process.cpu_times()[:2]) - worker, time.process_time() - parent
    return spent[0] / 4, spent[1] / 4, spent[2] / 4


def _run(codec: JavaScript, batches: Sequence[Sequence[Call]]) -> None:
    for calls in batches:
        answers = codec.run(calls)
        assert isinstance(answers[0], list)
        assert len(answers[0]) == 5


def _memory() -> Result:
    """Codecs of 30 kB on average, each its own text, each called."""
    sandbox = Sandbox(Limits(kept=CODECS))
    try:
        for number in range(CODECS):
            code = f"// {number}\n" + CODE + "\n".join(f"function unused{n}() {{ return {n}; }}" for n in range(340))
            assert isinstance(sandbox.run(_program(code), [_call(number)] * 3)[0], Told)
        rss = psutil.Process(sandbox.pids[0]).memory_info().rss
    finally:
        sandbox.close()
    return Result(
        name="javascript_500_codecs", value=rss / 1e6, unit="MB", target=250, at_least=False,
        detail=f"RSS of the worker with {CODECS} codecs of {len(code) / 1000:.0f} kB loaded and called",
    )  # fmt: skip


def _hostile() -> list[Result]:
    sandbox = Sandbox(Limits())
    try:
        sandbox.run(_program(LOOP), [_call(0)])
        loop, told = _one_bad(sandbox, LOOP, "codec-timeout")
        bomb, _ = _one_bad(sandbox, BOMB, "codec-memory")
        os.kill(sandbox.pids[0], 9)
        killed, _ = _one_bad(sandbox, CODE, "")
    finally:
        sandbox.close()
    return [
        Result(
            name="javascript_endless_loop", value=loop, unit="s", target=1, at_least=False,
            detail=f"until a batch of {BATCH} with one endless loop in it is answered; {told} neighbours were read",
        ),
        Result(
            name="javascript_memory_bomb", value=bomb, unit="s", target=1, at_least=False,
            detail="the same with a memory bomb; its neighbours were read, the worker lives",
        ),
        Result(
            name="javascript_worker_killed", value=killed, unit="s", target=1, at_least=False,
            detail=f"until a batch of {BATCH} is answered after the worker was killed; nothing is lost",
        ),
    ]  # fmt: skip


def _one_bad(sandbox: Sandbox, code: str, reason: str) -> tuple[float, int]:
    """Seconds, and how many were read."""
    calls = [_call(0) for _ in range(BATCH)]
    if reason:
        calls[BATCH // 2] = Call(b"\xff", 1, 0, SENDER)
    began = time.perf_counter()
    answers = sandbox.run(_program(code), calls)
    seconds = time.perf_counter() - began
    bad = [answer for answer in answers if isinstance(answer, tuple)]
    assert [answer[0] for answer in bad] == [reason] * bool(reason), bad
    return seconds, len(answers) - len(bad)


def _call(number: int) -> Call:
    """Temperature, humidity, light, CO2, pressure: 18 bytes."""
    low, high = number % 256, number // 256 % 4
    payload = [1, 0x67, low, 0, 2, 0x68, low // 2, 3, 0x65, low, high, 4, 0x7D, low, 2, 5, 0x73, low, 0x27]
    return Call(bytes(payload), 85, 1_735_689_600_000_000_000 + number, SENDER)


def _program(code: str) -> Program:
    return program(sha256(code.encode()).hexdigest(), code, "wrapped")


if __name__ == "__main__":
    show(results())
