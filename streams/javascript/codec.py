"""A registered JavaScript codec, as the core calls it."""

import re
from collections.abc import Sequence

from streams.core.codec import Answer, Call, Decoded
from streams.core.codec_record import Codec as Registered
from streams.core.message import Rejected, Value
from streams.core.normalised import read as read_normalised
from streams.core.payload import detail
from streams.javascript.sandbox import Mode, Program, Sandbox
from streams.javascript.told import Answer as Raw
from streams.javascript.told import Told

LANGUAGE = "javascript"
NORMALIZER_FAILED = "normalizer-failed"


class JavaScript:
    """Reads one device model's payloads by its vendor's code, in the sandbox.

    ``lenient``: a bare object, and an array, count as the data. ``patient``: a codec that is cut again and again is never left alone,
    so that a replay depends on nothing that happened before.
    """

    def __init__(
        self,
        record: Registered,
        sandbox: Sandbox,
        *,
        mode: Mode = "wrapped",
        lenient: bool = False,
        patient: bool = False,
    ) -> None:
        self.label = f"{record.name}@{record.hash[:12]}"
        self._sandbox, self._patient = sandbox, patient
        self._program = program(record.hash, record.code, mode, lenient=lenient)

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """One answer per call; ``Rejected`` by the reasons of ``told.Refused``.

        Raises:
            Unable: no worker can be started.
        """
        answers = self._sandbox.run(self._program, calls, patient=self._patient)
        return [_answer(call, answer) for call, answer in zip(calls, answers, strict=True)]


_SENDER = re.compile(r"""[.{,]\s*(?:device|variables)\b|["'`](?:device|variables)["'`]""").search
"""As a property, a parameter or a text, not as a word of a comment: most codecs ask for neither, and to tell them takes as long
as to run them."""


def program(digest: str, code: str, mode: Mode, *, lenient: bool = False) -> Program:
    """The code as workers run it; ``digest`` is its sha-256."""
    return Program(f"{digest}:{mode}:{lenient:d}", code, mode, lenient, _SENDER(code) is not None)


def _answer(call: Call, answer: Raw) -> Answer:
    if isinstance(answer, tuple):
        reason, why = answer
        return Rejected("codec", reason, detail(why), call.sender.device)
    time, data = call.time, answer.data if isinstance(answer.data, dict) else {"data": answer.data}
    values = [Value(name, value, time) for name, value in data.items()]
    if answer.is_plain():
        return values
    normalised, ignored = _normalised(answer, time)
    ignored += ["codec-warning"] * len(answer.warnings) + ["not-finite"] * len(answer.not_finite)
    values += normalised
    return Decoded(values, ignored) if ignored else values


def _normalised(answer: Told, time: int) -> tuple[list[Value], list[str]]:
    """Values with standard names, beside the vendor's; what is wrong with them costs only them."""
    if answer.normalizer_error is not None:
        return [], [NORMALIZER_FAILED]
    if answer.normalized is None:
        return [], []
    values, faults = read_normalised(answer.normalized, time)
    return values, [NORMALIZER_FAILED] * bool(faults) + ["codec-warning"] * len(answer.normalizer_warnings)
