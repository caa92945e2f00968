"""Codec commands: register a payload codec or a new version of it, say what it reads, remove it. Pure.

What a codec is registered with decides on readings, so each change opens a generation (``codecs_hash``). Whether its
examples come out is found out before, by the caller.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

from msgspec import Struct, structs

from streams import codecs as native
from streams.core.codec_record import Codec
from streams.core.names import is_name
from streams.registry.state import CODECS, Author, Change, Refused, State, changed

LANGUAGES = ("javascript", "table", "native")
MODES = ("wrapped", "plain", "fresh")
KINDS = ("device", "application", "profile", "model")
"""of targets: device:<key>, application:<name or id>, profile:<name or id>, model:<brand>/<model>"""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SIZE_LIMIT = 900_000
"""bytes of code, examples and targets together: Kafka takes records of 1 MB everywhere"""


class Given(Struct, frozen=True, kw_only=True):
    """What a codec is to be. ``applies_to`` and ``examples`` None: those that it has; ``examples`` is JSON.

    ``failing``: so many examples came out otherwise, and it is wanted all the same.
    """

    name: str
    language: str
    code: str = ""
    applies_to: tuple[str, ...] | None = None
    mode: str = "wrapped"
    lenient: bool = False
    examples: str | None = None
    failing: int = 0


def register(state: State, given: Given, author: Author) -> list[Change]:
    """Register a codec, or replace the one of that name; nothing when all of it is so already.

    Raises:
        Refused: 400 a name, language, mode or target that cannot be; 409 the name or a target is another's; 413 too large.
    """
    _check_name(state, given)
    before = state.codecs.get(given.name)
    held = ((), "[]") if before is None else (before.applies_to, before.examples)
    targets = _targets(state, given.name, held[0] if given.applies_to is None else given.applies_to)
    record = Codec(
        name=given.name,
        hash=sha256(given.code.encode()).hexdigest(),
        language=given.language,
        code=given.code,
        applies_to=targets,
        mode=_mode(before, given),
        lenient=given.lenient,
        examples=held[1] if given.examples is None else given.examples,
        failing=given.failing,
        **author.stamp(),
    )
    _check_size(record)
    return [] if _is_same(before, record) else [Change(CODECS, given.name, record)]


def retarget(state: State, name: str, applies_to: Sequence[str], author: Author) -> list[Change]:
    """Say anew what a registered codec reads.

    Raises:
        Refused: 404 there is none of that name; 400, 409, 413 as ``register``.
    """
    before = found(state, name)
    record = changed(before, author, applies_to=_targets(state, name, applies_to))
    _check_size(record)
    return [] if _is_same(before, record) else [Change(CODECS, name, record)]


def remove(state: State, name: str) -> list[Change]:
    """Remove a codec: what it has read stays, what comes is read by the next in the order of choice.

    Raises:
        Refused: 404 there is none of that name.
    """
    return [Change(CODECS, found(state, name).name, None)]


def found(state: State, name: str) -> Codec:
    """The codec, or ``Refused`` 404."""
    if name not in state.codecs:
        raise Refused(404, f"There is no codec {name}.")
    return state.codecs[name]


def in_place(codecs: Iterable[Codec], candidate: Codec) -> tuple[Codec, ...]:
    """The registered codecs as if the candidate were registered: it takes its name and its targets from others."""
    mine = set(candidate.applies_to)
    others = [codec for codec in codecs if codec.name != candidate.name]
    left = [structs.replace(codec, applies_to=[t for t in codec.applies_to if t not in mine]) for codec in others]
    return (*left, candidate)


def target_fault(target: str) -> str | None:
    """Why a target cannot be one, in a sentence; None: it can."""
    kind, colon, name = target.partition(":")
    if not colon or kind not in KINDS:
        return f"{target!r} is no target: write {', '.join(f'{kind}:…' for kind in KINDS)}."
    if not is_name(name):
        return f"{target!r} names nothing: after {kind}: come 1 to 200 characters."
    if kind == "device" and not all(name.partition(":")):
        return f"{target!r} names no device: write its key, device:source:identity, as device:ttn:70b3d57ed0051a2b."
    if kind == "model" and not all(name.partition("/")):
        return f"{target!r} names no model: write model:brand/model, as model:dragino/lht65."
    return None


def _check_name(state: State, given: Given) -> None:
    natives = native.load()
    if not NAME.fullmatch(given.name):
        raise Refused(
            400, f"{given.name!r} is no name of a codec: 1 to 100 letters, digits, dots, hyphens, underscores."
        )
    if given.language not in LANGUAGES:
        raise Refused(400, f"Codecs are written in {', '.join(LANGUAGES)}; {given.language!r} is none of them.")
    if given.mode not in MODES:
        raise Refused(400, f"A codec runs {', '.join(MODES)}; {given.mode!r} is none of them.")
    if given.language == "native":
        if given.name not in natives:
            raise Refused(400, f"There is no built-in codec {given.name}: there are {', '.join(sorted(natives))}.")
        if given.code:
            raise Refused(400, f"The built-in codec {given.name} takes no code.")
    elif given.name in natives or given.name in state.sources:
        what = "a built-in codec" if given.name in natives else "a source"
        raise Refused(409, f"{given.name} is the name of {what}: give the codec another one.")


def _targets(state: State, name: str, given: Sequence[str]) -> list[str]:
    targets = sorted(set(given))
    fault = next(filter(None, map(target_fault, targets)), None)
    if fault is None and not targets:
        fault = f"Nothing would be read by {name}: say what it applies to, as application:my-sensors."
    if fault:
        raise Refused(400, fault)
    for other in state.codecs.values():
        taken = sorted(set(other.applies_to) & set(targets))
        if taken and other.name != name:
            raise Refused(409, f"{taken[0]} is read by the codec {other.name}: take it from there first.")
    return targets


def _mode(before: Codec | None, given: Given) -> str:
    """The registered one of the same code, where both give the same answers: which is faster is a matter of the moment."""
    if (
        before is None
        or (before.code, before.lenient) != (given.code, given.lenient)
        or "fresh" in {before.mode, given.mode}
    ):
        return given.mode
    return before.mode


def _check_size(record: Codec) -> None:
    size = sum(len(part.encode()) for part in (record.code, record.examples, record.why, *record.applies_to))
    if size > SIZE_LIMIT:
        raise Refused(413, f"Code, examples and targets are {size:,} bytes; a codec may have {SIZE_LIMIT:,}.")


def _is_same(before: Codec | None, after: Codec) -> bool:
    """But for who changed it, when and why."""
    stamp = {"changed_at": after.changed_at, "changed_by": after.changed_by, "why": after.why}
    return before is not None and structs.replace(before, **stamp) == after
