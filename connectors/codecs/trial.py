"""A codec of any language tried out before it is registered: it is loaded, and its examples are run."""

import time
from collections.abc import Sequence
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from streams import pipeline
from streams.core.codec import Answer as Read
from streams.core.codec import Call, Decoded
from streams.core.codec_record import Codec as Registered
from streams.core.message import Rejected
from streams.javascript import examine as javascript
from streams.javascript.examine import Examined, check
from streams.javascript.examples import Example
from streams.javascript.told import Answer, Told
from streams.settings import DecodeSettings

JAVASCRIPT = "javascript"
EXAMPLE_LIMIT = 200
"""A codec that hangs costs its whole time for each of them, in several modes."""
MEASURED_CALLS = 100


class Trial(Struct, frozen=True, kw_only=True):
    """A codec and its examples. ``name``: of a native codec the one that it is known by."""

    language: str
    name: str
    code: str = ""
    examples: Sequence[Example] = ()
    lenient: bool = False

    @property
    def record(self) -> Registered:
        """The codec as it would be registered, without targets and author."""
        digest = sha256(self.code.encode()).hexdigest()
        return Registered(name=self.name, hash=digest, language=self.language, code=self.code, lenient=self.lenient)


def examine(trial: Trial, settings: DecodeSettings) -> Examined:
    """What became of the examples, and how the codec has to be run; under the limits of live decoding. Blocks.

    Raises:
        ValueError: more than ``EXAMPLE_LIMIT`` examples.
        Unable: no worker that runs JavaScript can be started.
    """
    if len(trial.examples) > EXAMPLE_LIMIT:
        raise ValueError(f"{len(trial.examples)} examples are too many: up to {EXAMPLE_LIMIT} are run")
    if trial.language == JAVASCRIPT:
        return javascript.examine(trial.code, trial.examples, sandbox=pipeline.sandbox(settings), lenient=trial.lenient)
    try:
        codec = pipeline.codec(trial.record, settings)
    except ValueError as error:
        return Examined(mode="wrapped", why="it does not load", fault=str(error), checked=[])
    answers = codec.run(_calls(trial.examples))
    checked = [check(example, _told(answer)) for example, answer in zip(trial.examples, answers, strict=True)]
    return Examined(mode="wrapped", why="it keeps nothing between messages", fault="", checked=checked)


def seconds(trial: Trial, mode: str, settings: DecodeSettings) -> float | None:
    """What a message takes among others of a batch; None without examples.

    Raises:
        ValueError: the codec cannot be loaded. Unable: see ``examine``.
    """
    calls = _calls(trial.examples)
    if not calls:
        return None
    codec = pipeline.codec(replace(trial.record, mode=mode), settings, patient=True)
    codec.run(calls)
    several = calls * -(-MEASURED_CALLS // len(calls))
    began = time.perf_counter()
    codec.run(several)
    return (time.perf_counter() - began) / len(several)


def _calls(examples: Sequence[Example]) -> list[Call]:
    return [
        Call(example.payload, example.port, example.time, example.sender(place))
        for place, example in enumerate(examples)
    ]


def _told(answer: Read) -> Answer:
    if isinstance(answer, Rejected):
        return answer.reason, answer.detail
    values = answer.values if isinstance(answer, Decoded) else answer
    return Told({value.name: value.value for value in values})
