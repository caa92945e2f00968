"""What a worker tells of one call: the codec's data, or why there is none."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

EXACT_INTEGER = 2**53
MALFORMED = ("codec-threw", "its answer is no JSON of ours: the codec changed the language under it")
TOO_DEEP = ("codec-threw", "RangeError: the result is nested too deeply")

STUCK = ("codec-timeout", "did not come to an end, and its process had to be killed")
CRASHED = ("codec-crashed", "ended the process that ran it, twice")
SUSPENDED = ("codec-suspended", "calls before it were cut again and again")

LONG = b"0" * 16
_PIECE = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{},]')
_NUMBERS = bytes.maketrans(b"123456789", b"0" * 9)


class Told(msgspec.Struct, frozen=True, gc=False):
    """A codec's data, as JSON values (a list only from a lenient program); names of values in it that were NaN or Infinity and are left out.

    ``normalized``: what its ``normalizeUplink`` made of the data, an object or an array of them; None without one, and
    when it failed, which ``normalizer_error`` tells.
    """

    data: dict[str, Any] | list[Any]
    warnings: list[str] = []
    not_finite: list[str] = []
    normalized: Any = None
    normalizer_warnings: list[str] = []
    normalizer_error: str | None = None

    def is_plain(self) -> bool:
        """Whether there is nothing but the data."""
        said = self.warnings or self.not_finite or self.normalizer_error
        return self.normalized is None and not said


Refused = tuple[str, str]
"""A reason (``codec-threw``, ``codec-timeout``, ``codec-memory``, ``codec-broken``, ``codec-crashed``, ``codec-suspended``,
``codec-result-too-large``, ``decode-errors``, ``no-data``) and its detail."""

Answer = Told | Refused

_DECODER = msgspec.json.Decoder(list[Answer])


def is_suspended(answer: Answer) -> bool:
    """Whether the call was not made."""
    return isinstance(answer, tuple) and answer[0] == SUSPENDED[0]


def parse(body: bytes, count: int) -> list[Answer]:
    """A worker's group of ``count`` answers."""
    try:
        answers = _DECODER.decode(_plain(body) if LONG in body.translate(_NUMBERS) else body)
    except (ValueError, RecursionError):
        answers = _parse_again(body)
    return answers if len(answers) == count else [MALFORMED] * count


def _parse_again(body: bytes) -> list[Answer]:
    """A lone surrogate, which JavaScript allows in a text, becomes ``?``; an answer that cannot be read spares its neighbours."""
    try:
        return _DECODER.decode(_plain(body))
    except (ValueError, RecursionError):
        return [_one(written) for written in _apart(body)]


def _one(written: bytes) -> Answer:
    try:
        (answer,) = _DECODER.decode(_plain(b"[" + written + b"]"))
    except RecursionError:
        return TOO_DEEP
    except ValueError:
        return MALFORMED
    return answer


def _apart(body: bytes) -> Iterator[bytes]:
    """The elements of a JSON array as they are written, however deep they are."""
    depth, start = 0, 1
    for piece in _PIECE.finditer(body):
        sign = piece[0]
        depth += (sign in b"[{") - (sign in b"]}")
        if depth == 0 or (depth == 1 and sign == b","):
            yield body[start : piece.start()]
            start = piece.end()


def _plain(body: bytes) -> bytes:
    """JavaScript has no integers: one beyond 2**53 is written with all digits and still is a float64."""
    tree = json.loads(body, parse_int=_number)
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")


def _number(digits: str) -> int | float:
    return int(digits) if abs(float(digits)) <= EXACT_INTEGER else float(digits)
