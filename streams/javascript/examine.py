"""A codec tried out before it is registered: does it load, do its examples come out, how does it have to be run."""

import time
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from streams.core.codec import Call
from streams.javascript.codec import program
from streams.javascript.compare import as_list, differences
from streams.javascript.examples import Example
from streams.javascript.process import Limits
from streams.javascript.sandbox import Mode, Program, Sandbox, shared
from streams.javascript.told import Answer, Told

DEAR_S = 200e-6
"""Re-initialisation of a codec that takes longer than this per message is left out, if it is shown to be needless."""
MEASURED_CALLS, MEASURED_TIMES = 50, 3
"""The best of several counts: the machine has other work."""
CUT_EXAMPLES = 50
"""examples of which parts are run, too, before a codec is believed to keep nothing"""
DIFFERENCE_LIMIT = 20
TRIAL_S, TRIAL_CALLS = 30.0, 10
"""Wall time for all that is tried, looked at after so many calls: examples that hang may cost a second each."""
PROBE = Example(payload=b"", port=1)
"""loads a codec that comes without examples"""


class _TooLong(Exception):
    """The trial's time is over."""


class Checked(Struct, frozen=True, kw_only=True):
    """What became of one example. ``got`` and ``expected`` have data, errors, warnings, normalized as far as there are any.

    ``got`` may instead have ``error``, a reason like ``codec-threw``, with its ``detail``.
    """

    description: str
    passed: bool
    got: dict[str, Any]
    expected: dict[str, Any]
    differences: list[str]


class Examined(Struct, frozen=True, kw_only=True):
    """``fault``: in one sentence, why the codec cannot be used; empty when it can. ``mode``: how it has to be run, and ``why``."""

    mode: Mode
    why: str
    fault: str
    checked: list[Checked]

    @property
    def passed(self) -> bool:
        """Whether it can be used and every example came out."""
        return not self.fault and all(one.passed for one in self.checked)


def examine(
    code: str, examples: Sequence[Example] = (), *, sandbox: Sandbox | None = None, lenient: bool = False
) -> Examined:
    """Runs the examples in every mode.

    A codec whose answers in mode ``wrapped`` are those of a fresh context is run wrapped, else in fresh contexts. Where
    wrapping is dear, and the answers of a context that is simply kept are the same in any order, also to parts of the
    examples, it is kept. Without examples nothing shows that.

    Raises:
        Unable: no worker can be started.
    """
    sandbox, deadline = sandbox or shared(Limits(), 1), time.monotonic() + TRIAL_S
    trial = _Trial(code, examples or [PROBE], sandbox, deadline, lenient=lenient)
    hard = _Trial(code, _with_parts(examples), sandbox, deadline, lenient=lenient)
    try:
        fresh = trial.run("fresh")
        fault = _load_fault(fresh)
        if fault:
            return Examined(mode="wrapped", why="it does not load", fault=fault, checked=[])
        mode, why = _mode(trial, fresh, hard)
    except _TooLong:
        fault = f"trying its {len(examples)} example(s) takes more than {TRIAL_S:g} s"
        return Examined(mode="wrapped", why="its trial does not come to an end", fault=fault, checked=[])
    checked = [check(example, answer) for example, answer in zip(examples, fresh, strict=False)]
    return Examined(mode=mode, why=why, fault="", checked=checked)


def check(example: Example, answer: Answer) -> Checked:
    """An answer against its example; empty errors and warnings are as good as none."""
    expected, got = _expected(example), answer_as_dict(answer)
    if "normalized" not in expected:
        got.pop("normalized", None)
    found = list(islice(differences(expected, got, ""), DIFFERENCE_LIMIT))
    found = [difference.removeprefix(".") for difference in found]
    return Checked(description=example.description, passed=not found, got=got, expected=expected, differences=found)


def answer_as_dict(answer: Answer) -> dict[str, Any]:
    """An answer in the words of an example's output; ``error`` and ``detail`` where the codec gave none of these."""
    if isinstance(answer, Told):
        got = {"data": answer.data, "warnings": answer.warnings, "normalized": as_list(answer.normalized)}
        return {name: value for name, value in got.items() if value or name == "data"}
    reason, detail = answer
    return {"errors": detail} if reason == "decode-errors" else {"error": reason, "detail": detail}


class _Trial:
    """The examples as calls, run in one mode or another."""

    def __init__(
        self, code: str, examples: Sequence[Example], sandbox: Sandbox, deadline: float, *, lenient: bool
    ) -> None:
        self._code, self._digest, self._lenient = code, sha256(code.encode()).hexdigest(), lenient
        self._sandbox, self._deadline = sandbox, deadline
        self._calls = [_call(example, place) for place, example in enumerate(examples)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to try."""
        return not self._calls

    def run(self, mode: Mode, *, backwards: bool = False, times: int = 1) -> list[Answer]:
        """The answers in the examples' order; ``backwards``: the last is called first; the last of ``times`` rounds counts."""
        order = self._calls[::-1] if backwards else self._calls
        answers = self._ask(mode, list(order) * times)[-len(order) :]
        return answers[::-1] if backwards else answers

    def seconds(self, mode: Mode, answers: Sequence[Answer]) -> float:
        """What a message costs that has an answer."""
        good = [call for call, answer in zip(self._calls, answers, strict=True) if isinstance(answer, Told)]
        if not good:
            return 0.0
        calls = good * -(-MEASURED_CALLS // len(good))
        self._ask(mode, good)
        return min(self._measure(mode, calls) for _ in range(MEASURED_TIMES)) / len(calls)

    def _measure(self, mode: Mode, calls: Sequence[Call]) -> float:
        began = time.perf_counter()
        self._sandbox.run(self._program(mode), calls, patient=True)
        return time.perf_counter() - began

    def _ask(self, mode: Mode, calls: Sequence[Call]) -> list[Answer]:
        answers: list[Answer] = []
        for start in range(0, len(calls), TRIAL_CALLS):
            if time.monotonic() > self._deadline:
                raise _TooLong
            answers += self._sandbox.run(self._program(mode), calls[start : start + TRIAL_CALLS], patient=True)
        return answers

    def _program(self, mode: Mode) -> Program:
        return program(self._digest, self._code, mode, lenient=self._lenient)


def _mode(trial: _Trial, fresh: list[Answer], hard: _Trial) -> tuple[Mode, str]:
    if not _agrees(trial, "wrapped", fresh):
        return "fresh", "it keeps something between messages, or needs to be a script of its own"
    dear = trial.seconds("wrapped", fresh) - trial.seconds("plain", fresh)
    if dear > DEAR_S and _keeps_nothing(hard):
        return "plain", f"re-initialisation would take {dear * 1e6:.0f} µs per message, and it keeps nothing"
    return "wrapped", "it is re-initialised for each message"


def _with_parts(examples: Sequence[Example]) -> list[Example]:
    """Each example, and after it what leaves out more and more: a field that is not told shows what is left of the last one."""
    parts = list(examples)
    for one in examples[:CUT_EXAMPLES]:
        length = len(one.payload)
        parts += [one, *(replace(one, payload=one.payload[:end]) for end in (length * 3 // 4, length // 2, 0))]
    return parts


def _keeps_nothing(hard: _Trial) -> bool:
    return not hard.empty and _agrees(hard, "plain", hard.run("fresh"))


def _agrees(trial: _Trial, mode: Mode, fresh: list[Answer]) -> bool:
    """In their order, in the other, and repeated."""
    return all(
        trial.run(mode, backwards=backwards, times=times) == fresh for backwards in (False, True) for times in (1, 2)
    )


def _load_fault(answers: Sequence[Answer]) -> str:
    broken = (answer[1] for answer in answers if isinstance(answer, tuple) and answer[0] == "codec-broken")
    return next(broken, "")


def _call(example: Example, place: int) -> Call:
    return Call(example.payload, example.port, example.time, example.sender(place))


def _expected(example: Example) -> dict[str, Any]:
    if example.errors:
        return {"errors": "; ".join(example.errors)}
    expected = {"data": example.data or {}, "warnings": example.warnings, "normalized": as_list(example.normalized)}
    return {name: value for name, value in expected.items() if value or name == "data"}
